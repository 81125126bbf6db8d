//! Who may use an admin route (contract 5.1).

use auth_types::{Timestamp, UserId};
use contract::{cookies::Cookies, permission::Permission, session::LiveSession};
use http::{HeaderMap, StatusCode};

use crate::{
    answer::{Answered, WithCookies},
    current::{Current, Truth},
    error::Error,
};

/// A caller whose session, read from the truth, grants a permission. There is no
/// other way to make one, so what takes one cannot be reached without.
#[derive(Debug)]
pub struct AdminCaller {
    current: Current,
    permission: Permission,
}

impl AdminCaller {
    /// Refuses with an empty 401 where there is no session, and then in the
    /// permission's own words. Who acts as somebody else holds no permission, even
    /// if that somebody is made an admin meanwhile.
    pub async fn find(
        truth: &impl Truth,
        cookies: &Cookies,
        headers: &HeaderMap,
        now: Timestamp,
        permission: Permission,
    ) -> Result<Self, WithCookies<Error>> {
        let caller = match Current::find_any(truth, cookies, headers, now).await? {
            (Some(current), _) => Self { current, permission },
            (None, clears) => {
                return Err(WithCookies(clears, Error::Empty(StatusCode::UNAUTHORIZED)));
            }
        };
        match caller.require(permission) {
            Ok(()) => Ok(caller),
            Err(error) => Err(WithCookies(caller.current.cookies, error)),
        }
    }

    /// For what the request asks beyond the route itself.
    pub fn require(&self, permission: Permission) -> Result<(), Error> {
        let live = &self.current.live;
        let is_own = live.session.impersonated_by.is_none();
        if is_own && permission.is_held_by(&live.user.role) {
            Ok(())
        } else {
            Err(permission.refusal().into())
        }
    }

    #[must_use]
    pub fn id(&self) -> &UserId {
        &self.current.live.user.id
    }

    /// What the caller was let in for.
    #[must_use]
    pub fn permission(&self) -> Permission {
        self.permission
    }

    #[must_use]
    pub fn current(&self) -> &Current {
        &self.current
    }

    /// See [`audit`].
    pub fn audit(&self, action: &'static str, whom: &str) {
        audit(&self.current.live, action, whom);
    }

    /// The answer, with the cookies that are due; also when it is a refusal.
    pub fn answer<T>(self, outcome: Result<T, Error>) -> Answered<T> {
        self.current.answer(outcome)
    }
}

/// Leaves the line that says who did what to whom. An admin action without one is a
/// mistake.
pub fn audit(admin: &LiveSession, action: &'static str, whom: &str) {
    tracing::info!(
        target: "security",
        { admin.id = %admin.user.id, session.id = %admin.session.id, action, user.id = whom },
        "an admin acted"
    );
}
