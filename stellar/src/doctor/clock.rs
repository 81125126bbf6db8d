//! Whether others agree about the time.

use std::time::Duration;

use auth_types::{Clock, SystemClock, Timestamp};

use super::finding::Finding;

/// Expiry and one-time codes are judged by the clock of whichever host is asked.
const NOTICED: Duration = Duration::from_secs(1);
const TOO_MUCH: Duration = Duration::from_secs(5);

/// Judges a clock that was read between two moments of ours.
pub(crate) fn compare(
    subject: &'static str,
    before: Timestamp,
    theirs: Timestamp,
    after: Timestamp,
) -> Finding {
    // Whatever lies between the two moments may be right.
    let ahead = theirs.since(after);
    let skew = ahead.max(before.since(theirs));
    let direction = if ahead.is_zero() { "behind" } else { "ahead of" };
    let said = format!("its clock is {:.1} s {direction} this one", skew.as_secs_f64());
    let mend = "run an NTP client on both hosts (`timedatectl set-ntp true`)";
    if skew > TOO_MUCH {
        Finding::bad(subject, said, mend)
    } else if skew > NOTICED {
        Finding::warning(subject, said, mend)
    } else {
        Finding::good(subject, "its clock agrees with this one")
    }
}

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    fn verdict(theirs: &str) -> Verdict {
        let at = |text| Timestamp::parse(text).expect("an instant");
        let (before, after) = (at("2026-11-24T12:00:00Z"), at("2026-11-24T12:00:02Z"));
        compare("redis", before, at(theirs), after).verdict
    }

    #[test]
    fn a_clock_is_judged_by_what_cannot_be_explained_by_the_way() {
        assert_eq!(verdict("2026-11-24T12:00:01Z"), Verdict::Good);
        assert_eq!(verdict("2026-11-24T11:59:57Z"), Verdict::Warning);
        assert_eq!(verdict("2026-11-24T12:00:06Z"), Verdict::Warning);
        assert_eq!(verdict("2026-11-24T12:00:08Z"), Verdict::Bad);
        assert_eq!(verdict("2026-11-24T11:59:54Z"), Verdict::Bad);
    }
}
