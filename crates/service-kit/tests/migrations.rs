//! What a release has run against a database stays as it was, and what comes after lets
//! the last release go on (docs/releases.md).

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// What breaks the last release, which still runs while this one migrates.
const CONTRACTING: [&str; 7] =
    ["drop table", "drop column", "drop schema", "rename", "set not null", "truncate", " type "];
/// Says in a migration which release was the last to use what it takes away.
const CONTRACTS: &str = "-- contracts: unused since ";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Each migration of each service, by its path.
fn migrations() -> BTreeMap<String, String> {
    let services = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name());
    let files = services.flat_map(|service| {
        let dir = Path::new(&service).join("migrations");
        let files = fs::read_dir(root().join(&dir)).into_iter().flatten();
        files.map(move |file| dir.join(file.unwrap().file_name()))
    });
    files
        .filter(|file| file.extension().is_some_and(|extension| extension == "sql"))
        .map(|file| (file.display().to_string(), fs::read_to_string(root().join(file)).unwrap()))
        .collect()
}

/// In the format of `sha256sum`.
fn released() -> BTreeMap<String, String> {
    let list = fs::read_to_string(root().join("deploy/released/migrations.sha256")).unwrap();
    let lines = list.lines().map(|line| line.split_once("  ").unwrap());
    lines.map(|(digest, file)| (file.to_owned(), digest.to_owned())).collect()
}

fn digest(text: &str) -> String {
    let bytes = Sha256::digest(text);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// The first thing in it that the last release may not survive.
fn taken(migration: &str) -> Option<&'static str> {
    let lines = migration.lines().filter(|line| !line.trim_start().starts_with("--"));
    let words = lines.flat_map(str::split_whitespace).map(str::to_lowercase);
    let statements = words.collect::<Vec<_>>().join(" ");
    let mut statements = statements.split(';');
    statements.find_map(|statement| {
        let alters = statement.contains("alter column");
        let found = CONTRACTING.iter().find(|taken| statement.contains(*taken));
        found.filter(|taken| alters || **taken != " type ").copied()
    })
}

#[test]
fn a_released_migration_does_not_change() {
    let now = migrations();
    for (file, released) in released() {
        let text = now.get(&file).unwrap_or_else(|| panic!("{file} was released and is gone"));
        assert_eq!(digest(text), released, "{file} was released; write a new migration instead");
    }
}

#[test]
fn a_new_migration_comes_after_the_released_ones() {
    let released = released();
    for file in migrations().keys().filter(|file| !released.contains_key(*file)) {
        let dir = file.rsplit_once('/').unwrap().0;
        let last = released.keys().rfind(|other| other.starts_with(dir));
        assert!(last.is_none_or(|last| last < file), "{file} would run before {last:?}");
    }
}

#[test]
fn a_new_migration_takes_nothing_from_the_last_release() {
    let released = released();
    for (file, text) in migrations().iter().filter(|(file, _)| !released.contains_key(*file)) {
        let taken = taken(text);
        assert!(
            taken.is_none() || text.lines().any(|line| line.starts_with(CONTRACTS)),
            "{file}: the last release still runs while this does {taken:?}. Expand now, contract \
             in a later release, and then say so in a line `{CONTRACTS}VERSION`"
        );
    }
}

#[test]
fn what_takes_is_told_from_what_adds() {
    for (statement, expected) in [
        ("ALTER TABLE a\n  DROP\n  COLUMN b;", Some("drop column")),
        ("ALTER TABLE a RENAME b TO c", Some("rename")),
        ("ALTER TABLE a ALTER COLUMN b TYPE text", Some(" type ")),
        ("CREATE TYPE a AS ENUM ('b'); ALTER TABLE a ADD COLUMN b text", None),
        ("-- DROP TABLE a\nCREATE TABLE a (b text NOT NULL)", None),
        ("ALTER TABLE a ALTER COLUMN b DROP NOT NULL", None),
    ] {
        assert_eq!(taken(statement), expected, "{statement}");
    }
}
