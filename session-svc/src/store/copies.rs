//! The fast copies in Redis, a key for each session (see `contract::session_copy`).

use std::{sync::Arc, time::Duration};

use auth_types::{Timestamp, TokenDigest};
use contract::{
    session::LiveSession,
    session_copy::{SessionCopy, key},
};
use redis::Script;
use service_kit::{
    Fault, RedisLink, While,
    redis_link::{Away, Connected},
};

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
        Pen { connected: self.link.get().ok(), put_live: Arc::clone(&self.put_live) }
    }

    /// Replaces the copies of ended sessions by the word that they are revoked,
    /// which stays until they would have expired by themselves.
    pub async fn revoke(&self, ended: &[Pending], now: Timestamp) -> Result<(), Fault> {
        let connected = self.link.get().doing("revoking copies")?;
        let revoked = serde_json::to_string(&SessionCopy::Revoked).doing("revoking copies")?;
        let mut pipeline = redis::pipe();
        for pending in ended {
            let until = pending.expires_at.max(now) + REVOKED_MARGIN;
            pipeline
                .cmd("SET")
                .arg(key(pending.digest()))
                .arg(&revoked)
                .arg("PXAT")
                .arg(until.unix_millis())
                .ignore();
        }
        pipeline.query_async(&mut connected.connection.clone()).await.doing("revoking copies")
    }
}

/// Writes copies of what is read after it was taken.
pub struct Pen {
    connected: Option<Arc<Connected>>,
    put_live: Arc<Script>,
}

impl Pen {
    /// Writes a copy, unless the session was revoked or a newer copy is there.
    pub async fn put(&self, digest: TokenDigest, live: &LiveSession) -> Result<(), Fault> {
        let connected = self.connected.as_ref().ok_or(Away).doing("writing a session's copy")?;
        let copy = SessionCopy::Live {
            written_under: connected.here.clone(),
            live: Box::new(live.clone()),
        };
        let value = serde_json::to_string(&copy).doing("writing a session's copy")?;
        let _outcome: String = self
            .put_live
            .key(key(digest))
            .arg(value)
            .arg(live.session.expires_at.unix_millis())
            .arg(connected.here.as_str())
            .arg(live.version.session)
            .arg(live.version.user)
            .invoke_async(&mut connected.connection.clone())
            .await
            .doing("writing a session's copy")?;
        Ok(())
    }
}
