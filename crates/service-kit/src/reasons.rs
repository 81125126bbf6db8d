//! What a loop that tries again and again says of its failures.

use std::collections::HashSet;

/// More reasons than this in one outage are a reason that is never the same twice.
const MOST: usize = 8;

/// Why something is away: each reason is news once, until it is back. The first is often
/// that nobody listens yet, and the one that matters comes after it.
#[derive(Debug, Default)]
pub struct Reasons(HashSet<String>);

impl Reasons {
    /// Whether this has not been heard yet.
    pub fn is_news(&mut self, reason: &impl ToString) -> bool {
        self.0.len() < MOST && self.0.insert(reason.to_string())
    }

    /// It is back: whatever comes next is news.
    pub fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_news_once_an_outage() {
        let mut reasons = Reasons::default();
        let heard = ["refused", "refused", "unproved", "refused"].map(|why| reasons.is_news(&why));
        assert_eq!(heard, [true, false, true, false]);
        reasons.forget();
        assert!(reasons.is_news(&"refused"));
    }

    #[test]
    fn reasons_that_never_repeat_come_to_an_end() {
        let mut reasons = Reasons::default();
        assert_eq!((0..100).filter(|number| reasons.is_news(number)).count(), MOST);
    }
}
