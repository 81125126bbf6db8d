//! From a proof to a session.

use auth_types::DeviceToken;
use contract::{
    cookies::Remember,
    mfa::{FactorOwed, Gate},
    session::{ClientInfo, CreateSession, Lifetime, SessionOpened},
};
use service_kit::{Error, bus::CallError};

use crate::{
    app::App,
    model::sign_in::{Accepted, AfterGate, Authenticated, Next},
};

/// Where a sign-in has come to.
pub enum SignedIn {
    /// A session is open; in a trusted browser, under a new token.
    As { opened: SessionOpened, device: Option<DeviceToken> },
    /// Half way.
    FactorOwed(FactorOwed),
}

/// Goes on from a right first proof: by way of mfa-svc where a second factor is
/// owed, else straight to a session. A gate that does not answer lets nobody in.
pub async fn after_first_proof(
    app: &App,
    accepted: Accepted,
    device: Option<DeviceToken>,
    remember: Remember,
    client: ClientInfo,
) -> Result<SignedIn, Error> {
    let (authenticated, device) = match accepted.next() {
        Next::Authenticated(authenticated) => (authenticated, None),
        Next::AskGate(accepted) => {
            let (user, first) = (accepted.user().clone(), accepted.first());
            let (lifetime, client) = (lifetime(remember), client.clone());
            let gate = Gate { user, first, device, lifetime, client };
            match accepted.after_gate(app.bus.request(&gate).await?) {
                AfterGate::Authenticated(authenticated, device) => (authenticated, Some(device)),
                AfterGate::FactorOwed(owed) => return Ok(SignedIn::FactorOwed(owed)),
            }
        }
    };
    let opened = open(app, authenticated, remember, client).await?;
    Ok(SignedIn::As { opened, device })
}

/// Opens a session for someone who is who they say.
pub async fn open(
    app: &App,
    authenticated: Authenticated,
    remember: Remember,
    client: ClientInfo,
) -> Result<SessionOpened, Error> {
    let (user, proof) = authenticated.into_parts();
    let lifetime = lifetime(remember);
    let opened = app.bus.request(&CreateSession { user, proof, lifetime, client }).await;
    opened.map_err(CallError::into)
}

fn lifetime(remember: Remember) -> Lifetime {
    match remember {
        Remember::Yes => Lifetime::Standard,
        Remember::No => Lifetime::Short,
    }
}
