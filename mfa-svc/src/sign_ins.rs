//! From a proof to a session. Nothing else here asks for one.

use auth_types::{DeviceToken, Timestamp};
use contract::{
    mfa::{FactorOwed, FirstProof, Gate, GateAnswer},
    session::{ClientInfo, CreateSession, Lifetime, SessionOpened},
};
use service_kit::{Error, bus::CallError};

use crate::{
    app::App,
    gate,
    model::sign_in::{Authenticated, FirstFactor, Next, PasskeyAccepted},
};

/// Where a sign-in has come to.
pub enum SignedIn {
    /// A session is open; in a trusted browser, under a new token.
    As { opened: Box<SessionOpened>, device: Option<DeviceToken> },
    /// Half way.
    FactorOwed(FactorOwed),
}

/// Goes on from a right passkey: straight to a session, or by way of the gate where it was
/// one factor and the user has two.
pub async fn after_passkey(
    app: &App,
    accepted: PasskeyAccepted,
    device: Option<DeviceToken>,
    (lifetime, client): (Lifetime, ClientInfo),
    now: Timestamp,
) -> Result<SignedIn, Error> {
    let (authenticated, device) = match accepted.next() {
        Next::Authenticated(authenticated) => (authenticated, None),
        Next::AskGate(accepted) => {
            let (user, client) = (accepted.user().clone(), client.clone());
            // What came first is said beside it: no other service begins with a passkey.
            let first = FirstProof::default();
            let asked = Gate { user, first, device, lifetime, client };
            match gate::judge(app, &asked, FirstFactor::Passkey, now).await? {
                GateAnswer::DeviceTrusted { device } => {
                    (accepted.on_trusted_device(), Some(device))
                }
                GateAnswer::FactorOwed(owed) => return Ok(SignedIn::FactorOwed(owed)),
            }
        }
    };
    let opened = Box::new(open(app, authenticated, lifetime, client).await?);
    Ok(SignedIn::As { opened, device })
}

/// Opens a session for someone who is who they say.
pub async fn open(
    app: &App,
    authenticated: Authenticated,
    lifetime: Lifetime,
    client: ClientInfo,
) -> Result<SessionOpened, CallError> {
    let (user, proof) = authenticated.into_parts();
    app.bus.request(&CreateSession { user, proof, lifetime, client }).await
}
