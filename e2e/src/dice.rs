//! Randomness for generators.

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// A seed, to be named when something is found, and what follows from it. The same
/// again: `SEED=7 cargo nextest run …`.
#[must_use]
pub fn dice() -> (u64, StdRng) {
    #[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
    let given = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| rand::rng().random());
    (seed, StdRng::seed_from_u64(seed))
}
