//! Who may use a route of an application.

use auth_types::Timestamp;
use contract::{PanelRefusal, session::LiveSession};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Policy {
    /// Everybody. Who is signed in is named to the upstream all the same.
    Public,
    Caller(Requirement),
}

/// What a caller must have. The least of it is a session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Requirement {
    /// One of these; any, where there are none.
    pub roles: Vec<String>,
    /// A session that began less than a day ago.
    pub fresh: bool,
}

impl Policy {
    /// Why the caller may not, if so.
    pub fn judge(&self, caller: Option<&LiveSession>, now: Timestamp) -> Result<(), PanelRefusal> {
        match self {
            Self::Public => Ok(()),
            Self::Caller(requirement) => requirement.judge(caller, now),
        }
    }
}

impl Requirement {
    /// The same. A role that is missing is told before a session that is old: signing
    /// in again would not help.
    pub fn judge(&self, caller: Option<&LiveSession>, now: Timestamp) -> Result<(), PanelRefusal> {
        let Some(caller) = caller else { return Err(PanelRefusal::Unauthorized) };
        if !self.roles.is_empty() && !caller.user.role.includes_any(&self.roles) {
            return Err(PanelRefusal::Forbidden);
        }
        if self.fresh && !caller.session.is_fresh(now) {
            return Err(PanelRefusal::SessionNotFresh);
        }
        Ok(())
    }
}
