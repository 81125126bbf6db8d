//! From a proof to a session.

use contract::{
    cookies::Remember,
    mfa::Gate,
    session::{ClientInfo, CreateSession, Lifetime, SessionOpened},
};
use service_kit::{Error, bus::CallError};

use crate::{
    app::App,
    model::sign_in::{Authenticated, Next, PasswordAccepted},
};

/// Goes on from a right password: by way of mfa-svc where a second factor is
/// owed, else straight to a session. A gate that does not answer lets nobody in.
pub async fn after_password(
    app: &App,
    accepted: PasswordAccepted,
    remember: Remember,
    client: ClientInfo,
) -> Result<SessionOpened, Error> {
    let authenticated = match accepted.next() {
        Next::Authenticated(authenticated) => authenticated,
        Next::AskGate(accepted) => {
            let gate = Gate { user_id: accepted.user().user.id.clone() };
            let answer = app.bus.request(&gate).await?;
            accepted.let_through(answer)
        }
    };
    open(app, authenticated, remember, client).await
}

/// Opens a session for someone who is who they say.
pub async fn open(
    app: &App,
    authenticated: Authenticated,
    remember: Remember,
    client: ClientInfo,
) -> Result<SessionOpened, Error> {
    let lifetime = match remember {
        Remember::Yes => Lifetime::Standard,
        Remember::No => Lifetime::Short,
    };
    let (user, proof) = authenticated.into_parts();
    let opened = app.bus.request(&CreateSession { user, proof, lifetime, client }).await;
    opened.map_err(CallError::into)
}
