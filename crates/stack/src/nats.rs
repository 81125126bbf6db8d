//! A NATS server with JetStream of our own, or a cluster of three.

use std::path::Path;

use anyhow::{Context, Result};

use crate::accounts::nats_passwords;
use crate::dirs::{Dirs, make, quoted};
use crate::launch::Launch;
use crate::options::StoreTls;
use crate::ports::Ports;
use crate::process::Process;
use crate::programs;
use crate::secrets::{Secrets, write_private};

/// `servers` are all there will be, `process` among them.
pub(crate) fn prepare(
    process: Process,
    servers: &[Process],
    dirs: &Dirs,
    ports: Ports,
    secrets: &Secrets,
    tls: Option<&StoreTls>,
) -> Result<Launch> {
    let dir = match process {
        Process::Nats => dirs.nats(),
        other => dirs.nats().join(other.name()),
    };
    make(&dir, 0o700).with_context(|| format!("creating {}", dir.display()))?;
    let mut text = config(process, ports, &dir);
    if servers.len() > 1 {
        text.push_str(&cluster(process, servers, ports));
    }
    if let Some(tls) = tls {
        text.push_str(&speaks_tls(tls));
    }
    let file = dir.join("nats.conf");
    write_private(&file, text.as_bytes())?;
    let users = include_str!("../../../deploy/nats/users.conf");
    write_private(&dir.join("users.conf"), users.as_bytes())?;
    write_private(&dir.join("passwords.conf"), nats_passwords(secrets).as_bytes())?;
    Ok(Launch::new(programs::nats()?).args(["--config".as_ref(), file.as_os_str()]))
}

/// The limits of JetStream are stated, because its own follow from the free
/// memory and disk of the machine, and a stack is only a guest there.
fn config(process: Process, ports: Ports, dir: &Path) -> String {
    let port = ports.listen(process).map_or(0, |address| address.port());
    let dir = quoted(dir);
    format!(
        r#"listen: "127.0.0.1:{port}"
server_name: "{process}"
ping_interval: "2s"
include ./users.conf
jetstream {{ store_dir: {dir}, max_memory_store: 64MB, max_file_store: 1GB }}
"#
    )
}

fn speaks_tls(StoreTls { certificate, key }: &StoreTls) -> String {
    let [certificate, key] = [certificate, key].map(|path| quoted(path));
    format!("tls {{ cert_file: {certificate}, key_file: {key} }}\n")
}

fn cluster(process: Process, servers: &[Process], ports: Ports) -> String {
    let at = |process| ports.route(process).map(|address| address.to_string()).unwrap_or_default();
    let others = servers.iter().filter(|server| **server != process);
    let routes: Vec<_> = others.map(|server| format!("\"nats://{}\"", at(*server))).collect();
    format!(
        r#"cluster {{ name: "stellar-stack", listen: "{}", routes: [{}] }}
"#,
        at(process),
        routes.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_listens_on_loopback_only() {
        let ports = Ports::from_base(3000).expect("a good base");
        let config = config(Process::Nats, ports, Path::new("/tmp/s/nats"));
        assert!(config.starts_with("listen: \"127.0.0.1:3013\"\n"), "{config}");
        assert!(config.contains(r#"store_dir: "/tmp/s/nats""#), "{config}");
        let cluster = cluster(Process::Nats2, &Process::NATS, ports);
        assert!(cluster.contains(r#"listen: "127.0.0.1:3024""#), "{cluster}");
        assert!(
            cluster.contains(r#"["nats://127.0.0.1:3023", "nats://127.0.0.1:3025"]"#),
            "{cluster}"
        );
    }
}
