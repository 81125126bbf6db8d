//! The two ceremonies (WebAuthn 3, 7.1 and 7.2). No I/O: what a ceremony has to remember
//! is given back, and who calls keeps it.

use std::{sync::Arc, time::Duration};

use contract::origin::TrustedOrigins;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;
use uuid::Uuid;
use webauthn_rs_core::{
    WebauthnCore,
    error::WebauthnError,
    internals::AuthenticatorData,
    proto::{
        AttestationFormat, Authentication, AuthenticationState,
        AuthenticatorAttestationResponseRaw, Credential, ParsedAttestation, PublicKeyCredential,
        RegisterPublicKeyCredential, RegisteredExtensions, RegistrationState,
        UserVerificationPolicy,
    },
};

use crate::model::webauthn::{
    Rejected,
    attestation::{Attested, signed},
    check_envelope, client_data,
    key::{ALGORITHMS, CredentialKey, verify_ed25519},
    user_handle::UserHandle,
};

/// How a browser names us to its user.
pub const NAME: &str = "StellarStack";
/// How long a browser is asked to wait for its user.
pub const TIMEOUT: Duration = Duration::from_mins(1);

/// Us, towards authenticators.
#[derive(Clone)]
pub struct RelyingParty(Arc<Inner>);

struct Inner {
    core: WebauthnCore,
    id: String,
    origins: Vec<String>,
}

/// A ceremony that begins.
pub struct Begun<S> {
    pub challenge: Vec<u8>,
    /// To be kept until the response comes, and used once.
    pub state: S,
}

/// A new credential, not yet anybody's.
#[derive(Debug)]
pub struct NewCredential {
    pub id: Vec<u8>,
    pub public_key: Vec<u8>,
    pub counter: u32,
    pub multi_device: bool,
    pub backed_up: bool,
    pub aaguid: Uuid,
    /// Words, as the browser gave them.
    pub transports: Vec<String>,
}

/// A credential that is kept, as far as a ceremony needs it.
#[derive(Debug)]
pub struct KnownCredential {
    pub id: Vec<u8>,
    pub public_key: Vec<u8>,
    pub multi_device: bool,
    /// Where it is not known, none is compared.
    pub user_handle: Option<Vec<u8>>,
}

/// The holder of a credential has shown that they have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assertion {
    pub user_verified: bool,
    pub counter: u32,
    pub multi_device: bool,
    pub backed_up: bool,
}

/// Must an authenticator say whom it takes the user for?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandleRule {
    /// Nobody has said who signs in, so it must (WebAuthn 3, 7.2, step 6).
    Required,
    /// The credentials of one user were asked for.
    IfPresent,
}

impl RelyingParty {
    /// `id` is a domain. Of the trusted origins those count whose pages may use it.
    #[must_use]
    pub fn new(id: &str, trusted: &TrustedOrigins) -> Self {
        let may_use = |origin: &&str| may_use(id, origin);
        let origins: Vec<_> = trusted.all().filter(may_use).map(str::to_owned).collect();
        let urls = origins.iter().filter_map(|origin| Url::parse(origin).ok()).collect();
        let core = WebauthnCore::new_unsafe_experts_only(
            NAME,
            id,
            urls,
            TIMEOUT,
            Some(false),
            Some(false),
        );
        Self(Arc::new(Inner { core, id: id.to_owned(), origins }))
    }

    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Pages that may sign in with passkeys.
    #[must_use]
    pub fn origins(&self) -> &[String] {
        &self.0.origins
    }

    /// `known` are the user's credentials, of which no second is to be made.
    pub fn begin_registration(
        &self,
        handle: &UserHandle,
        known: Vec<Vec<u8>>,
    ) -> Result<Begun<RegistrationState>, WebauthnError> {
        // Names are the browser's business; the library wants some.
        let builder = self.0.core.new_challenge_register_builder(handle.as_bytes(), "-", "-")?;
        let builder = builder
            .user_verification_policy(UserVerificationPolicy::Preferred)
            .credential_algorithms(ALGORITHMS.to_vec())
            .exclude_credentials(Some(known));
        let (options, state) = self.0.core.generate_challenge_register(builder)?;
        Ok(Begun { challenge: options.public_key.challenge, state })
    }

    pub fn finish_registration(
        &self,
        response: &Value,
        state: &RegistrationState,
    ) -> Result<NewCredential, Rejected> {
        let transports = transports(response);
        let response: RegisterPublicKeyCredential = read(response)?;
        check_envelope(&response.id, &response.raw_id, &response.type_)?;
        let AuthenticatorAttestationResponseRaw { attestation_object, client_data_json, .. } =
            &response.response;
        self.check_origin(client_data_json)?;
        let attested = Attested::parse(attestation_object)?;
        if attested.credential_id != response.raw_id {
            return Err(Rejected::Rule("another credential than the response says"));
        }
        let judged = self.0.core.register_credential(&response, state, None);
        match (judged, &attested.key) {
            (Ok(_), _) => {}
            // It came to the key, which is read after all else has been found in order.
            (Err(WebauthnError::SshPublicKeyEDUnsupported), CredentialKey::Ed25519(key)) => {
                attested.check_ed25519_statement(key, client_data_json)?;
            }
            (Err(error), _) => return Err(error.into()),
        }
        Ok(NewCredential {
            id: attested.credential_id,
            public_key: attested.public_key,
            counter: attested.counter,
            multi_device: attested.multi_device,
            backed_up: attested.backed_up,
            aaguid: attested.aaguid,
            transports,
        })
    }

    pub fn begin_authentication(&self) -> Result<Begun<AuthenticationState>, WebauthnError> {
        let core = &self.0.core;
        let policy = UserVerificationPolicy::Preferred;
        let builder = core.new_challenge_authenticate_builder(Vec::new(), Some(policy))?;
        let (options, state) = core.generate_challenge_authenticate(builder)?;
        Ok(Begun { challenge: options.public_key.challenge, state })
    }

    /// The counter is left to who keeps the credential: one statement judges and stores it.
    pub fn finish_authentication(
        &self,
        response: &Value,
        state: &AuthenticationState,
        known: &KnownCredential,
        rule: HandleRule,
    ) -> Result<Assertion, Rejected> {
        let response: PublicKeyCredential = read(response)?;
        check_envelope(&response.id, &response.raw_id, &response.type_)?;
        let client_data = &response.response.client_data_json;
        let auth_data = &response.response.authenticator_data;
        self.check_origin(client_data)?;
        check_handle(response.response.user_handle.as_deref(), known, rule)?;
        let key = CredentialKey::parse(&known.public_key)?;
        let data = AuthenticatorData::<Authentication>::try_from(auth_data.as_slice())?;
        // A credential may become one for several devices, but not the other way round,
        // which is left to the library to refuse.
        let credential = credential(known, &key, known.multi_device || data.backup_eligible);
        match self.0.core.authenticate_single_credential(&response, state, &credential) {
            Ok(_) => {}
            // It came to the signature, which is verified after all else has been found in
            // order.
            Err(WebauthnError::SshPublicKeyEDUnsupported) => match &key {
                CredentialKey::Ed25519(key) => {
                    let message = signed(auth_data, client_data);
                    verify_ed25519(key, &message, &response.response.signature)?;
                }
                CredentialKey::Other(_) => {
                    return Err(WebauthnError::SshPublicKeyEDUnsupported.into());
                }
            },
            Err(WebauthnError::AuthenticationFailure) => return Err(Rejected::WrongSignature),
            Err(error) => return Err(error.into()),
        }
        Ok(Assertion {
            user_verified: data.user_verified,
            counter: data.counter,
            multi_device: data.backup_eligible,
            backed_up: data.backup_state,
        })
    }

    fn check_origin(&self, client_data: &[u8]) -> Result<(), Rejected> {
        let origin = client_data::origin(client_data)?;
        if self.0.origins.contains(&origin) {
            Ok(())
        } else {
            Err(Rejected::Rule("a page of another origin"))
        }
    }
}

fn read<T: DeserializeOwned>(response: &Value) -> Result<T, Rejected> {
    T::deserialize(response).map_err(Rejected::malformed)
}

/// Whether pages of this origin may use a relying party of this id: a host that is the
/// domain or below it, over https or on the user's own machine (WebAuthn 3, 5.1.3).
fn may_use(rp_id: &str, origin: &str) -> bool {
    let Ok(url) = Url::parse(origin) else { return false };
    let Some(host) = url.host_str() else { return false };
    let is_below = host.strip_suffix(rp_id).is_some_and(|rest| rest.ends_with('.'));
    let is_local = host == "localhost" || host.ends_with(".localhost");
    (host == rp_id || is_below) && (url.scheme() == "https" || is_local)
}

fn check_handle(
    presented: Option<&[u8]>,
    known: &KnownCredential,
    rule: HandleRule,
) -> Result<(), Rejected> {
    match (presented.filter(|handle| !handle.is_empty()), &known.user_handle) {
        (_, None) => Ok(()),
        (Some(presented), Some(known)) if presented == known.as_slice() => Ok(()),
        (None, Some(_)) if rule == HandleRule::IfPresent => Ok(()),
        _ => Err(Rejected::Rule("the user handle is not that of the credential's owner")),
    }
}

/// As the library wants it. The counter is zero, so that it compares none; whether the
/// user was verified is not asked here but worth more or less afterwards.
fn credential(known: &KnownCredential, key: &CredentialKey, multi_device: bool) -> Credential {
    Credential {
        cred_id: known.id.clone(),
        cred: key.cose(),
        counter: 0,
        transports: None,
        user_verified: false,
        backup_eligible: multi_device,
        backup_state: false,
        registration_policy: UserVerificationPolicy::Discouraged_DO_NOT_USE,
        extensions: RegisteredExtensions::none(),
        attestation: ParsedAttestation::default(),
        attestation_format: AttestationFormat::None,
    }
}

/// Words of the browser's own about how it reached the authenticator. They come back to
/// it as a hint, so words of a later standard are kept too.
fn transports(response: &Value) -> Vec<String> {
    const MAX: usize = 8;
    const MAX_CHARS: usize = 20;
    let is_word = |text: &&str| {
        let fits = (1..=MAX_CHARS).contains(&text.len());
        fits && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    let given = response["response"]["transports"].as_array().into_iter().flatten();
    given.filter_map(Value::as_str).filter(is_word).take(MAX).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as B64};
    use ed25519_dalek::{Signer, SigningKey};
    use proptest::prelude::*;
    use serde_json::json;
    use sha2::{Digest, Sha256};

    use super::*;

    fn origins(rp_id: &str, trusted: &[&str]) -> Vec<String> {
        let others = trusted[1..].iter().map(|&origin| origin.to_owned());
        let trusted = TrustedOrigins::new(trusted[0].to_owned(), others);
        RelyingParty::new(rp_id, &trusted).origins().to_vec()
    }

    #[test]
    fn pages_of_the_domain_and_below_it_count_over_https() {
        let trusted = [
            "https://api.example.com",
            "https://example.com",
            "https://badexample.com",
            "https://example.com.evil.test",
            "https://example.co",
            "http://example.com",
            "http://panel.example.com",
            "https://panel.example.com:8443",
        ];
        assert_eq!(
            origins("example.com", &trusted),
            ["https://api.example.com", "https://example.com", "https://panel.example.com:8443"]
        );
        assert_eq!(origins("panel.example.com", &trusted), ["https://panel.example.com:8443"]);
    }

    #[test]
    fn on_ones_own_machine_http_is_enough() {
        let trusted = [
            "http://localhost:3001",
            "http://localhost:3000",
            "http://127.0.0.1:3000",
            "http://notlocalhost",
        ];
        assert_eq!(
            origins("localhost", &trusted),
            ["http://localhost:3001", "http://localhost:3000"]
        );
    }

    /// A credential, and a response to a ceremony that has begun.
    fn asserted(
        change: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>, &mut Vec<u8>),
    ) -> Result<Assertion, Rejected> {
        let trusted = TrustedOrigins::new("https://example.com".to_owned(), []);
        let us = RelyingParty::new("example.com", &trusted);
        let signing = SigningKey::from_bytes(&[7; 32]);
        // COSE_Key: {1: 1, 3: -8, -1: 6, -2: x}
        let mut public_key = vec![0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20];
        public_key.extend(signing.verifying_key().as_bytes());
        let known = KnownCredential {
            id: vec![1, 2, 3],
            public_key,
            multi_device: false,
            user_handle: Some(b"ann".to_vec()),
        };
        let begun = us.begin_authentication().expect("begins");
        let challenge = B64.encode(&begun.challenge);
        let data = json!({ "type": "webauthn.get", "challenge": challenge, "origin": "https://example.com" });
        let mut client_data = data.to_string().into_bytes();
        let mut auth_data = [Sha256::digest("example.com").as_slice(), &[5, 0, 0, 0, 9]].concat();
        let mut signature = signing.sign(&signed(&auth_data, &client_data)).to_vec();
        change(&mut auth_data, &mut client_data, &mut signature);
        let response = json!({
            "id": "AQID", "rawId": "AQID", "type": "public-key",
            "response": {
                "authenticatorData": B64.encode(auth_data),
                "clientDataJSON": B64.encode(client_data),
                "signature": B64.encode(signature),
                "userHandle": B64.encode("ann"),
            },
        });
        us.finish_authentication(&response, &begun.state, &known, HandleRule::Required)
    }

    #[test]
    fn an_ed25519_assertion_is_accepted() {
        let expected =
            Assertion { user_verified: true, counter: 9, multi_device: false, backed_up: false };
        assert_eq!(asserted(|_, _, _| ()).expect("accepted"), expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn one_changed_bit_is_refused(part in 0..3_usize, at in any::<prop::sample::Index>(), bit in 0..8) {
            let judged = asserted(|auth_data, client_data, signature| {
                let bytes = match part {
                    0 => auth_data,
                    1 => client_data,
                    _ => signature,
                };
                let at = at.index(bytes.len());
                bytes[at] ^= 1_u8 << bit;
            });
            prop_assert!(judged.is_err());
        }

        #[test]
        fn other_bytes_are_refused(other in proptest::collection::vec(any::<u8>(), 0..400), part in 0..3_usize) {
            let judged = asserted(|auth_data, client_data, signature| {
                match part {
                    0 => *auth_data = other,
                    1 => *client_data = other,
                    _ => *signature = other,
                }
            });
            prop_assert!(judged.is_err());
        }

        #[test]
        fn no_attestation_object_breaks_anything(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(Attested::parse(&bytes).is_err());
        }
    }
}
