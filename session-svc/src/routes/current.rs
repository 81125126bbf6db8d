//! The caller's own session, read from the truth (contract 3.3).

use auth_types::{SessionToken, TokenDigest};
use contract::{
    Refusal,
    cookies::Remember,
    session::LiveSession,
};
use http::HeaderMap;
use service_kit::{Error, WithCookies};

use crate::{app::App, bus, store::sessions};

/// A caller whose session stands.
pub struct Current {
    pub token: SessionToken,
    pub live: LiveSession,
    /// `Set-Cookie` lines that are due because the session was extended.
    pub cookies: Vec<String>,
}

impl Current {
    /// Refuses with 401 where there is no session. A cookie that we signed once,
    /// but whose session is over, is cleared in the same answer.
    pub async fn find(app: &App, headers: &HeaderMap) -> Result<Self, WithCookies<Error>> {
        let cookies = &app.deployment.cookies;
        let Some(token) = cookies.session_token(headers) else {
            return Err(Refusal::Unauthorized.into());
        };
        let now = app.clock.now();
        let had = cookies.dont_remember(headers);
        let found = sessions::find_live(&app.db, token.digest(), now).await?;
        let is_due = had == Remember::Yes && found.as_ref().is_some_and(|live| live.session.is_due(now));
        let live = if is_due { bus::extend(app, token.digest()).await? } else { found };
        let Some(live) = live else {
            return Err(WithCookies(cookies.clear_session().into(), Refusal::Unauthorized.into()));
        };
        let lines = if is_due { cookies.set_session(&token, Remember::Yes, had) } else { Vec::new() };
        Ok(Self { token, live, cookies: lines })
    }

    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        self.token.digest()
    }
}
