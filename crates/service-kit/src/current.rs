//! The caller's own session, read from the truth (contract 3.3).

use auth_types::{SessionToken, Timestamp, TokenDigest};
use axum::extract::Request;
use contract::{
    Refusal,
    cookies::{Cookies, Remember},
    session::{LiveSession, RefreshSession, ResolveSession},
};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    answer::{Answered, WithCookies},
    bus::Bus,
    error::Error,
};

/// Where the truth about sessions is asked for: session-svc asks its own store,
/// every other service asks session-svc.
pub trait Truth {
    fn resolve(
        &self,
        digest: TokenDigest,
    ) -> impl Future<Output = Result<Option<LiveSession>, Error>> + Send;
    fn extend(
        &self,
        digest: TokenDigest,
    ) -> impl Future<Output = Result<Option<LiveSession>, Error>> + Send;
}

impl Truth for Bus {
    async fn resolve(&self, digest: TokenDigest) -> Result<Option<LiveSession>, Error> {
        Ok(self.request(&ResolveSession { digest }).await?)
    }

    async fn extend(&self, digest: TokenDigest) -> Result<Option<LiveSession>, Error> {
        Ok(self.request(&RefreshSession { digest }).await?)
    }
}

/// Set by ourselves on a request whose query asks not to extend the session.
const NO_REFRESH: HeaderName = HeaderName::from_static("x-no-refresh");

/// Reads from the query, once and for every route, whether the session is to be left
/// as it is (contract 3.3).
pub(crate) fn mark_query(request: &mut Request) {
    let asks = asks_not_to_refresh(request.uri().query());
    let headers = request.headers_mut();
    headers.remove(NO_REFRESH);
    if asks {
        headers.insert(NO_REFRESH, HeaderValue::from_static("true"));
    }
}

/// Any value but the empty one counts as true, also `false` (contract 3.3).
#[must_use]
pub fn asks_not_to_refresh(query: Option<&str>) -> bool {
    let pairs: Vec<(String, String)> =
        query.and_then(|query| serde_urlencoded::from_str(query).ok()).unwrap_or_default();
    pairs.iter().any(|(key, value)| key == "disableRefresh" && !value.is_empty())
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
        let may = had == Remember::Yes && !headers.contains_key(NO_REFRESH);
        let is_due = may && found.as_ref().is_some_and(|live| live.session.is_due(now));
        let live = if is_due { truth.extend(token.digest()).await? } else { found };
        let Some(live) = live else {
            return Ok((None, cookies.clear_session().into()));
        };
        let lines =
            if is_due { cookies.set_session(&token, Remember::Yes, had) } else { Vec::new() };
        Ok((Some(Self { token, live, cookies: lines }), Vec::new()))
    }

    /// Refuses a caller who signed in too long ago for what they ask.
    pub fn require_fresh(&self, now: Timestamp) -> Result<(), WithCookies<Error>> {
        if self.live.session.is_fresh(now) {
            return Ok(());
        }
        Err(WithCookies(self.cookies.clone(), Refusal::SessionNotFresh.into()))
    }

    /// Puts the session into the browser anew, where the protocol has it so.
    pub fn reissue(&mut self, cookies: &Cookies, headers: &HeaderMap) {
        let had = cookies.dont_remember(headers);
        let remember = if self.live.session.extendable { had } else { Remember::No };
        self.cookies = cookies.set_session(&self.token, remember, had);
    }

    /// Refuses to somebody who acts as the user what only the user may decide:
    /// how they sign in, under which address, and whether they stay (contract 5.5).
    pub fn require_own(&self) -> Result<(), WithCookies<Error>> {
        match self.live.session.impersonated_by {
            None => Ok(()),
            Some(_) => {
                Err(WithCookies(self.cookies.clone(), Refusal::NotWhileImpersonating.into()))
            }
        }
    }

    /// The answer, with the cookies that are due; also when it is a refusal.
    pub fn answer<T>(self, outcome: Result<T, Error>) -> Answered<T> {
        match outcome {
            Ok(answer) => Ok(WithCookies(self.cookies, answer)),
            Err(error) => Err(WithCookies(self.cookies, error)),
        }
    }

    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        self.token.digest()
    }
}

#[cfg(test)]
mod tests {
    use super::asks_not_to_refresh;

    #[test]
    fn any_value_but_none_switches_refreshing_off() {
        for query in ["disableRefresh=true", "a=b&disableRefresh=false", "disableRefresh=0"] {
            assert!(asks_not_to_refresh(Some(query)), "{query}");
        }
        for query in ["disableRefresh=", "disableRefreshing=1", ""] {
            assert!(!asks_not_to_refresh(Some(query)), "{query}");
        }
    }
}
