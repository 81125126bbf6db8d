//! The caller's own session, read from the truth (contract 3.3).

use auth_types::{SessionToken, Timestamp, TokenDigest};
use contract::{
    Refusal,
    cookies::{Cookies, Remember},
    session::{LiveSession, RefreshSession, ResolveSession},
};
use http::HeaderMap;

use crate::{answer::WithCookies, bus::Bus, error::Error};

/// Where the truth about sessions is asked for: session-svc asks its own store,
/// every other service asks session-svc.
pub trait Truth {
    fn resolve(&self, digest: TokenDigest) -> impl Future<Output = Result<Option<LiveSession>, Error>> + Send;
    fn extend(&self, digest: TokenDigest) -> impl Future<Output = Result<Option<LiveSession>, Error>> + Send;
}

impl Truth for Bus {
    async fn resolve(&self, digest: TokenDigest) -> Result<Option<LiveSession>, Error> {
        Ok(self.request(&ResolveSession { digest }).await?)
    }

    async fn extend(&self, digest: TokenDigest) -> Result<Option<LiveSession>, Error> {
        Ok(self.request(&RefreshSession { digest }).await?)
    }
}

/// A caller whose session stands.
#[derive(Debug)]
pub struct Current {
    pub token: SessionToken,
    pub live: LiveSession,
    /// `Set-Cookie` lines that are due because the session was extended. They go on
    /// the answer, also when it is a refusal.
    pub cookies: Vec<String>,
}

impl Current {
    /// Refuses with 401 where there is no session. A cookie that we signed once,
    /// but whose session is over, is cleared in the same answer.
    pub async fn find(
        truth: &impl Truth,
        cookies: &Cookies,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Self, WithCookies<Error>> {
        match Self::find_any(truth, cookies, headers, now).await? {
            (Some(current), _) => Ok(current),
            (None, clears) => Err(WithCookies(clears, Refusal::Unauthorized.into())),
        }
    }

    /// The same for routes that also serve callers without a session: then with the
    /// lines that clear a cookie whose session is over.
    pub async fn find_any(
        truth: &impl Truth,
        cookies: &Cookies,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<(Option<Self>, Vec<String>), Error> {
        let Some(token) = cookies.session_token(headers) else {
            return Ok((None, Vec::new()));
        };
        let had = cookies.dont_remember(headers);
        let found = truth.resolve(token.digest()).await?;
        let is_due = had == Remember::Yes && found.as_ref().is_some_and(|live| live.session.is_due(now));
        let live = if is_due { truth.extend(token.digest()).await? } else { found };
        let Some(live) = live else {
            return Ok((None, cookies.clear_session().into()));
        };
        let lines = if is_due { cookies.set_session(&token, Remember::Yes, had) } else { Vec::new() };
        Ok((Some(Self { token, live, cookies: lines }), Vec::new()))
    }

    /// Refuses a caller who signed in too long ago for what they ask.
    pub fn require_fresh(&self, now: Timestamp) -> Result<(), WithCookies<Error>> {
        if self.live.session.is_fresh(now) {
            return Ok(());
        }
        Err(WithCookies(self.cookies.clone(), Refusal::SessionNotFresh.into()))
    }

    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        self.token.digest()
    }
}
