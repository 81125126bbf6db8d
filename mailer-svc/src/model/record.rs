//! Whether a mail may be sent now, judged by what is on record of its id.
//!
//! The owner of a mail hands it over again until it has a receipt, and two
//! replicas may take two copies at once. So each attempt is put on record
//! before it begins, with the copy it is for and the time until which it holds.
//!
//! ```text
//! nothing ──▶ sending ──▶ settled (sent or dead)
//!               │  ▲
//!               ▼  │ its time has come
//!             waiting
//! ```

use std::time::Duration;

use auth_types::Timestamp;
use contract::mail::Outcome;
use serde::{Deserialize, Serialize};

/// An attempt that takes longer than this has died with its process.
const ATTEMPT: Duration = Duration::from_mins(3);
/// How much later than promised the next attempt may begin.
const GRACE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Record {
    /// A process is at it. `copy` is the message's number in the queue.
    Sending {
        copy: u64,
        until: Timestamp,
    },
    /// The server did not take it yet; the queue has the copy and brings it back.
    Waiting {
        copy: u64,
        until: Timestamp,
    },
    Settled {
        outcome: Outcome,
    },
}

impl Record {
    #[must_use]
    pub fn sending(copy: u64, now: Timestamp) -> Self {
        Self::Sending { copy, until: now + ATTEMPT }
    }

    #[must_use]
    pub fn waiting(copy: u64, now: Timestamp, delay: Duration) -> Self {
        Self::Waiting { copy, until: now + delay + GRACE }
    }
}

/// What to do with a copy of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Send,
    /// Another copy is being sent, or will be. If it gets lost after all, the
    /// mail's owner has no receipt and hands over a new one.
    Drop,
    /// Another delivery of this very copy may still be at it.
    Later(Duration),
    /// Nothing to send; the receipt is still to be given.
    Settled(Outcome),
}

#[must_use]
pub fn judge(record: Option<&Record>, copy: u64, now: Timestamp) -> Turn {
    match record {
        None => Turn::Send,
        Some(Record::Settled { outcome }) => Turn::Settled(*outcome),
        Some(Record::Sending { until, .. } | Record::Waiting { until, .. }) if now >= *until => {
            Turn::Send
        }
        Some(Record::Sending { copy: held, until }) if *held == copy => {
            Turn::Later(until.since(now))
        }
        Some(Record::Waiting { copy: held, .. }) if *held == copy => Turn::Send,
        Some(Record::Sending { .. } | Record::Waiting { .. }) => Turn::Drop,
    }
}

#[cfg(test)]
mod tests {
    use auth_types::{Clock, SystemClock};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_mail_nobody_knows_is_sent() {
        assert_eq!(judge(None, 1, SystemClock.now()), Turn::Send);
    }

    #[test]
    fn a_settled_mail_is_never_sent_again() {
        let record = Record::Settled { outcome: Outcome::Sent };
        assert_eq!(judge(Some(&record), 1, SystemClock.now()), Turn::Settled(Outcome::Sent));
    }

    #[test]
    fn while_one_copy_is_being_sent_no_other_is() {
        let now = SystemClock.now();
        let record = Record::sending(1, now);
        assert_eq!(judge(Some(&record), 2, now + SECOND), Turn::Drop);
        assert_eq!(
            judge(Some(&record), 1, now + SECOND),
            Turn::Later(ATTEMPT.saturating_sub(SECOND))
        );
    }

    #[test]
    fn an_attempt_that_died_is_taken_over() {
        let now = SystemClock.now();
        let record = Record::sending(1, now);
        assert_eq!(judge(Some(&record), 1, now + ATTEMPT), Turn::Send);
        assert_eq!(judge(Some(&record), 2, now + ATTEMPT), Turn::Send);
    }

    #[test]
    fn a_waiting_mail_is_sent_from_the_copy_that_waits() {
        let now = SystemClock.now();
        let record = Record::waiting(1, now, SECOND);
        assert_eq!(judge(Some(&record), 1, now + SECOND), Turn::Send);
        assert_eq!(judge(Some(&record), 2, now + SECOND), Turn::Drop);
        assert_eq!(judge(Some(&record), 2, now + SECOND + GRACE), Turn::Send);
    }
}
