//! Which commit this is built from, for `--version` and the metric `build_info`.

use std::{env, io::Write, process::Command};

fn main() {
    let mut told = vec![
        "rerun-if-changed=build.rs".to_owned(),
        "rerun-if-env-changed=STELLAR_COMMIT".to_owned(),
    ];
    // An image is built without .git, and is told by its build argument.
    let commit = match env::var_os("STELLAR_COMMIT").and_then(|commit| commit.into_string().ok()) {
        Some(commit) if !commit.is_empty() => commit,
        _ => of_the_tree(&mut told).unwrap_or_else(|| "unknown commit".to_owned()),
    };
    told.push(format!("rustc-env=STELLAR_COMMIT={commit}"));
    for line in told {
        writeln!(std::io::stdout(), "cargo::{line}").expect("cargo listens");
    }
}

/// A debug build is not made anew for each commit, so it only says which one it is at least.
fn of_the_tree(told: &mut Vec<String>) -> Option<String> {
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    if env::var_os("PROFILE").is_some_and(|profile| profile == "debug") {
        return Some(format!("{commit} or later, debug"));
    }
    for of in ["HEAD", "logs/HEAD"] {
        told.push(format!("rerun-if-changed={}", git(&["rev-parse", "--git-path", of])?));
    }
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Some(if changed { format!("{commit}, changed") } else { commit })
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
