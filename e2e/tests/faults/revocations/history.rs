//! Every request and every acknowledged revocation, and what they say together.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    time::Duration,
};

use tokio::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    Refused,
    /// No answer, or an outage: neither a yes nor a no.
    Open,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) gateway: usize,
    pub(crate) session: usize,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) verdict: Verdict,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Revoked {
    pub(crate) session: usize,
    pub(crate) began: Instant,
    pub(crate) acknowledged: Instant,
}

#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) asked: Vec<Asked>,
    pub(crate) revoked: Vec<Revoked>,
}

impl History {
    /// Accepts of requests that began more than `allowance` after the revocation of
    /// their session was acknowledged.
    pub(crate) fn too_late(&self, allowance: Duration) -> Vec<(Asked, Duration)> {
        let acknowledged = self.acknowledged();
        let late = |asked: &Asked| {
            let after = asked.began.checked_duration_since(*acknowledged.get(&asked.session)?)?;
            (asked.verdict == Verdict::Accepted && after > allowance).then_some((*asked, after))
        };
        self.asked.iter().filter_map(late).collect()
    }

    fn acknowledged(&self) -> HashMap<usize, Instant> {
        self.revoked.iter().map(|revoked| (revoked.session, revoked.acknowledged)).collect()
    }

    /// A test that never saw a session alive, or never asked every gateway afterwards,
    /// shows nothing.
    pub(crate) fn expect_evidence(&self, gateways: usize) {
        let acknowledged = self.acknowledged();
        let (mut alive, mut after) = (HashSet::new(), HashSet::new());
        for asked in &self.asked {
            if asked.verdict == Verdict::Accepted {
                alive.insert(asked.session);
            }
            if acknowledged.get(&asked.session).is_some_and(|at| asked.began > *at) {
                after.insert((asked.session, asked.gateway));
            }
        }
        assert_eq!(alive.len(), self.revoked.len(), "a session was never accepted");
        assert_eq!(after.len(), self.revoked.len() * gateways, "a session was let go too soon");
    }

    /// Time from a revocation's acknowledgement to the beginning of the last request
    /// that was accepted; nothing when all of those began before it.
    fn last_accepts(&self) -> Vec<Option<Duration>> {
        let mut last = HashMap::new();
        for asked in self.asked.iter().filter(|asked| asked.verdict == Verdict::Accepted) {
            let last = last.entry(asked.session).or_insert(asked.began);
            *last = asked.began.max(*last);
        }
        let after = |revoked: &Revoked| {
            let after = last.get(&revoked.session)?.checked_duration_since(revoked.acknowledged);
            after.filter(|after| !after.is_zero())
        };
        self.revoked.iter().map(after).collect()
    }

    pub(crate) fn report(&self, name: &str) -> String {
        let count = |verdict| self.asked.iter().filter(|asked| asked.verdict == verdict).count();
        let mut text = format!(
            "{name}: {} revocations, {} requests ({} accepted, {} refused, {} open)\n",
            self.revoked.len(),
            self.asked.len(),
            count(Verdict::Accepted),
            count(Verdict::Refused),
            count(Verdict::Open)
        );
        let waits = self.revoked.iter().map(|revoked| Some(revoked.acknowledged - revoked.began));
        line(&mut text, "revoke call", waits.collect());
        let answers = self.asked.iter().filter(|asked| asked.verdict != Verdict::Open);
        line(&mut text, "answer", answers.map(|asked| Some(asked.ended - asked.began)).collect());
        line(&mut text, "acknowledged to last accept", self.last_accepts());
        text
    }
}

/// Upper bounds in milliseconds.
const BUCKETS: [u64; 10] = [1, 2, 5, 10, 20, 50, 100, 500, 1000, 2000];

fn line(text: &mut String, name: &str, values: Vec<Option<Duration>>) {
    let total = values.len();
    let mut times: Vec<_> = values.into_iter().flatten().collect();
    times.sort_unstable();
    write!(text, "  {name:28}").expect("written");
    if times.len() < total {
        write!(text, " none {}", total - times.len()).expect("written");
    }
    let mut from = Duration::ZERO;
    for bucket in BUCKETS {
        let to = Duration::from_millis(bucket);
        let inside = times.iter().filter(|time| (from..to).contains(*time)).count();
        if inside > 0 {
            write!(text, " <{bucket} ms {inside}").expect("written");
        }
        from = to;
    }
    let beyond = times.iter().filter(|time| **time >= from).count();
    if beyond > 0 {
        write!(text, " beyond {beyond}").expect("written");
    }
    if let (Some(median), Some(longest)) = (times.get(times.len() / 2), times.last()) {
        write!(text, "; median {median:.1?}, longest {longest:.1?}").expect("written");
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Revoked from 10 ms to 20 ms; asked from `began` on, and accepted.
    fn history(began: u64) -> History {
        let at = |base: Instant, millis| base + Duration::from_millis(millis);
        let base = Instant::now();
        let (began, ended) = (at(base, began), at(base, began + 50));
        let asked = Asked { gateway: 0, session: 1, began, ended, verdict: Verdict::Accepted };
        let revoked = Revoked { session: 1, began: at(base, 10), acknowledged: at(base, 20) };
        History { asked: vec![asked], revoked: vec![revoked] }
    }

    #[test]
    fn an_accept_of_a_request_that_began_after_the_acknowledgement_is_found() {
        assert_eq!(history(21).too_late(Duration::ZERO).len(), 1);
        assert_eq!(history(31).too_late(Duration::from_millis(10)).len(), 1);
        assert_eq!(
            history(19).too_late(Duration::ZERO).len(),
            0,
            "it ended after, but began before"
        );
        assert_eq!(history(30).too_late(Duration::from_millis(10)).len(), 0);
    }

    #[test]
    fn a_refusal_and_another_session_are_no_evidence_against_us() {
        let mut refused = history(21);
        refused.asked[0].verdict = Verdict::Refused;
        let mut other = history(21);
        other.asked[0].session = 2;
        assert!(
            refused.too_late(Duration::ZERO).is_empty()
                && other.too_late(Duration::ZERO).is_empty()
        );
    }
}
