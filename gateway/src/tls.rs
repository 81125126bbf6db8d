//! The certificate and its key, from files that may change while we run.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::{Context, anyhow, ensure};
use arc_swap::ArcSwap;
use pingora::listeners::tls::TlsSettings;
use rustls::{
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use service_kit::Kit;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::interval,
};

/// Pause between two looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Where they are, in PEM. The certificate's issuers follow it in its file.
#[derive(Debug, Clone)]
pub struct Files {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// When the files were last changed, and how long they are.
type State = [Option<(SystemTime, u64)>; 2];

#[derive(Debug)]
pub struct Certificate {
    files: Files,
    current: ArcSwap<CertifiedKey>,
}

impl Certificate {
    pub fn load(files: Files) -> anyhow::Result<Arc<Self>> {
        let current = ArcSwap::from(read(&files)?);
        Ok(Arc::new(Self { files, current }))
    }

    /// HTTP/2 or HTTP/1.1, over TLS 1.2 or 1.3.
    pub fn settings(self: &Arc<Self>) -> anyhow::Result<TlsSettings> {
        // The resolver takes the place of the paths.
        let mut settings = TlsSettings::intermediate("", "").map_err(|error| anyhow!("{error}"))?;
        settings.set_cert_resolver(Arc::clone(self) as Arc<dyn ResolvesServerCert>);
        settings.enable_h2();
        Ok(settings)
    }

    /// Reads the files again on SIGHUP, and when they have changed. Connections that
    /// are open go on; a pair that is not in order changes nothing.
    pub fn keep_current(self: &Arc<Self>, kit: &Kit) {
        let (certificate, stop) = (Arc::clone(self), kit.shutdown().clone());
        kit.spawn(async move {
            stop.run_until_cancelled(certificate.watch()).await;
        });
    }

    async fn watch(&self) {
        let mut looks = interval(LOOK_EVERY);
        let Ok(mut hangups) = signal(SignalKind::hangup()) else {
            tracing::error!("SIGHUP cannot be watched");
            return;
        };
        let mut seen = self.files.state();
        loop {
            let asked = tokio::select! {
                _ = looks.tick() => false,
                Some(()) = hangups.recv() => true,
            };
            let state = self.files.state();
            if asked || state != seen {
                seen = state;
                self.reload();
            }
        }
    }

    fn reload(&self) {
        match read(&self.files) {
            Ok(pair) => {
                self.current.store(pair);
                tracing::info!(file = %self.files.certificate.display(), "certificate loaded");
            }
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "the certificate from before stays");
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl Files {
    fn state(&self) -> State {
        [&self.certificate, &self.key].map(|file| {
            let metadata = std::fs::metadata(file).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }
}

fn read(files: &Files) -> anyhow::Result<Arc<CertifiedKey>> {
    let (certificate, key) = (files.certificate.display(), files.key.display());
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("TLS_CERT_FILE {certificate} cannot be read"))?;
    ensure!(!chain.is_empty(), "TLS_CERT_FILE {certificate} has no certificate in PEM");
    let private = PrivateKeyDer::from_pem_file(&files.key)
        .with_context(|| format!("TLS_KEY_FILE {key} cannot be read"))?;
    warn_if_readable(&files.key);
    let pair = CertifiedKey::from_der(chain, private, &ring::default_provider());
    let pair = pair.with_context(|| {
        format!("the key in TLS_KEY_FILE {key} does not fit the certificate in TLS_CERT_FILE {certificate}")
    })?;
    Ok(Arc::new(pair))
}

/// A key that everybody on the machine can read is a key that everybody has.
fn warn_if_readable(key: &Path) {
    use std::os::unix::fs::PermissionsExt;

    let open = std::fs::metadata(key).is_ok_and(|file| file.permissions().mode() & 0o004 != 0);
    if open {
        tracing::warn!(file = %key.display(), "the TLS key can be read by everybody");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertifiedKey as Pair, generate_simple_self_signed};

    struct Dir(PathBuf);

    impl Dir {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("tls-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&dir).expect("a directory");
            Self(dir)
        }

        fn files(&self) -> Files {
            Files { certificate: self.0.join("cert.pem"), key: self.0.join("key.pem") }
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).ok();
        }
    }

    fn pair() -> (String, String) {
        let Pair { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a pair");
        (cert.pem(), signing_key.serialize_pem())
    }

    fn written(dir: &Dir, certificate: &str, key: &str) -> Files {
        let files = dir.files();
        std::fs::write(&files.certificate, certificate).expect("written");
        std::fs::write(&files.key, key).expect("written");
        files
    }

    #[test]
    fn what_is_wrong_is_said_with_the_name_of_the_variable() {
        let dir = Dir::new("wrong");
        let ((certificate, key), (_, other)) = (pair(), pair());
        for (certificate, key, expected) in [
            (certificate.as_str(), other.as_str(), "does not fit"),
            ("nothing", key.as_str(), "TLS_CERT_FILE"),
            (certificate.as_str(), "nothing", "TLS_KEY_FILE"),
            (key.as_str(), key.as_str(), "TLS_CERT_FILE"),
        ] {
            let error = Certificate::load(written(&dir, certificate, key)).expect_err("wrong");
            assert!(format!("{error:#}").contains(expected), "{error:#}");
        }
        let missing = Certificate::load(Files { key: dir.0.join("none"), ..dir.files() });
        assert!(missing.is_err());
        assert!(Certificate::load(written(&dir, &certificate, &key)).is_ok());
    }

    #[test]
    fn a_bad_pair_leaves_the_good_one_in_place() {
        let dir = Dir::new("reload");
        let ((first, first_key), (second, second_key)) = (pair(), pair());
        let certificate = Certificate::load(written(&dir, &first, &first_key)).expect("good");
        let served = || certificate.current.load().cert[0].clone();
        let before = served();
        written(&dir, &second, &first_key);
        certificate.reload();
        assert_eq!(served(), before);
        written(&dir, &second, &second_key);
        certificate.reload();
        assert_ne!(served(), before);
    }
}
