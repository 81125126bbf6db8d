//! Every input that was ever of interest, without a fuzzer.

use std::{fs, path::PathBuf};

use fuzz_checks::{ALL, Check};
use rand::{RngExt, SeedableRng, rngs::StdRng};

fn inputs(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus");
    let dir = PathBuf::from(corpus).join(target);
    let files = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let files = files.map(|file| file.expect("an entry").path());
    files.map(|path| (path.clone(), fs::read(&path).expect("readable"))).collect()
}

#[test]
fn the_laws_hold_for_the_whole_corpus() {
    for (target, check) in ALL {
        let inputs = inputs(target);
        assert!(!inputs.is_empty(), "{target} has no corpus");
        for (path, bytes) in inputs {
            let broken = std::panic::catch_unwind(|| check(&bytes)).is_err();
            assert!(!broken, "{target} breaks on {}", path.display());
        }
    }
}

/// A few thousand steps away from the corpus in every run; the fuzzer goes further.
#[test]
fn the_laws_hold_near_the_corpus() {
    let seed = rand::rng().random();
    let mut rng = StdRng::seed_from_u64(seed);
    for (target, check) in ALL {
        let inputs = inputs(target);
        for _ in 0..2000 {
            let mut bytes = inputs[rng.random_range(0..inputs.len())].1.clone();
            let other = &inputs[rng.random_range(0..inputs.len())].1;
            mutate(&mut bytes, other, &mut rng);
            hold(target, check, &bytes, seed);
        }
    }
}

fn hold(target: &str, check: Check, bytes: &[u8], seed: u64) {
    let broken = std::panic::catch_unwind(|| check(bytes)).is_err();
    assert!(!broken, "seed {seed}: {target} breaks on {:?}", String::from_utf8_lossy(bytes));
}

fn mutate(bytes: &mut Vec<u8>, other: &[u8], rng: &mut StdRng) {
    for _ in 0..rng.random_range(1..5) {
        let at = rng.random_range(0..=bytes.len());
        match rng.random_range(0..5) {
            0 => bytes.insert(at, rng.random()),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
            3 => bytes.truncate(at),
            _ => {
                let from = rng.random_range(0..=other.len());
                let until = rng.random_range(from..=other.len());
                bytes.splice(at..at, other[from..until].iter().copied());
            }
        }
    }
}
