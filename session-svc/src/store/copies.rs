//! The fast copies in Redis, a key for each session (see `contract::session_copy`).

use std::{sync::Arc, time::Duration};

use auth_types::{Timestamp, TokenDigest};
use contract::{
    session::LiveSession,
    session_copy::{SessionCopy, key},
};
use futures_util::future::join_all;
use redis::Script;
use service_kit::{Fault, RedisLink, While, redis_link::View};

use crate::store::pending_revocations::Pending;

/// A revoked copy outlives its session by this much, for clocks that disagree.
const REVOKED_MARGIN: Duration = Duration::from_mins(1);

#[derive(Clone)]
pub struct Copies {
    link: RedisLink,
    put_live: Arc<Script>,
}

impl Copies {
    #[must_use]
    pub fn new(link: RedisLink) -> Self {
        Self { link, put_live: Arc::new(Script::new(include_str!("put_live.lua"))) }
    }

    /// To be taken before the truth is read. A copy that is written with it lands in the
    /// Redis that was there then, or nowhere: one that came since (a restart, a promoted
    /// replica) may have lost the word that the session was revoked meanwhile.
    #[must_use]
    pub fn pen(&self) -> Pen {
        Pen { view: self.link.view(), put_live: Arc::clone(&self.put_live) }
    }

    /// Replaces the copies of ended sessions by the word that they are revoked,
    /// which stays until they would have expired by themselves. What can be written is
    /// written, whatever else cannot.
    pub async fn revoke(&self, ended: &[Pending], now: Timestamp) -> Result<(), Fault> {
        let revoked = serde_json::to_string(&SessionCopy::Revoked).doing("revoking copies")?;
        let view = self.link.view();
        let revoke = |pending: &Pending| {
            let key = key(pending.digest());
            let until = pending.expires_at.max(now) + REVOKED_MARGIN;
            let mut set = redis::cmd("SET");
            set.arg(&key).arg(&revoked).arg("PXAT").arg(until.unix_millis());
            let way = view.follow(&key);
            async move {
                let mut way = way.doing("revoking a copy")?;
                set.exec_async(&mut way).await.doing("revoking a copy")
            }
        };
        join_all(ended.iter().map(revoke)).await.into_iter().collect()
    }
}

/// Writes copies of what is read after it was taken.
pub struct Pen {
    view: Arc<View>,
    put_live: Arc<Script>,
}

impl Pen {
    /// Writes a copy, unless the session was revoked or a newer copy is there. One that
    /// is on its way to another master of a cluster follows it, and is not believed there,
    /// because it names the one that it was meant for.
    pub async fn put(&self, digest: TokenDigest, live: &LiveSession) -> Result<(), Fault> {
        let key = key(digest);
        let here = &self.view.of(&key).doing("writing a session's copy")?.here;
        let mut way = self.view.follow(&key).doing("writing a session's copy")?;
        let copy = SessionCopy::Live { written_under: here.clone(), live: Box::new(live.clone()) };
        let value = serde_json::to_string(&copy).doing("writing a session's copy")?;
        let _outcome: String = self
            .put_live
            .key(key)
            .arg(value)
            .arg(live.session.expires_at.unix_millis())
            .arg(here.as_str())
            .arg(live.version.session)
            .arg(live.version.user)
            .invoke_async(&mut way)
            .await
            .doing("writing a session's copy")?;
        Ok(())
    }
}
