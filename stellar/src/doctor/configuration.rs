//! Variables and secrets.

use std::collections::HashSet;

use secrecy::{ExposeSecret, SecretString};
use service_kit::{Deployment, deployment::is_loopback};

use super::{finding::Finding, surroundings::Surroundings};

const SUBJECT: &str = "configuration";
/// A key of this many characters from `openssl rand` holds 128 bits and more.
const LONG_ENOUGH: usize = 22;

/// What is wrong with the variables, and the deployment if it can be read.
pub(crate) fn examine(surroundings: &Surroundings) -> (Vec<Finding>, Option<Deployment>) {
    let env = surroundings.env();
    let read = Deployment::read(&env);
    let mut findings = Vec::new();
    let deployment = match env.finish(read) {
        Ok(deployment) => Some(deployment),
        Err(problems) => {
            findings.push(Finding::bad(
                SUBJECT,
                problems.to_string(),
                "set these as they are set for the services; `gateway --help` lists them all",
            ));
            None
        }
    };
    if let Some(deployment) = &deployment {
        findings.push(mode(deployment));
        findings.push(root_secret(deployment));
    }
    let keys = [
        ("ADMIN_RECOVERY_KEY", "whoever guesses it takes any account"),
        ("SETUP_TOKEN", "whoever guesses it becomes the first administrator"),
    ];
    for (name, danger) in keys {
        if let Some(key) = surroundings.env().text(name) {
            findings.push(key_of(name, &key.into(), danger));
        }
    }
    (findings, deployment)
}

fn mode(deployment: &Deployment) -> Finding {
    if deployment.production {
        return Finding::good(SUBJECT, "production: strict checks are on");
    }
    if is_loopback(&deployment.api_origin) {
        return Finding::good(SUBJECT, "development, on this machine alone");
    }
    Finding::bad(
        SUBJECT,
        format!("{} is served with the settings of development", deployment.api_origin),
        "set NODE_ENV=production: it turns on e-mail verification, rate limits and strict checks",
    )
}

fn root_secret(deployment: &Deployment) -> Finding {
    if deployment.secrets.any_is_guessable() {
        return Finding::bad(
            SUBJECT,
            "BETTER_AUTH_SECRET is an example or has little variety",
            "make one with `openssl rand -base64 32`; put it first in a list to rotate: `2:new,1:old`",
        );
    }
    let count = deployment.secrets.all().count();
    Finding::good(SUBJECT, format!("BETTER_AUTH_SECRET is in order ({count} in use)"))
}

fn key_of(name: &str, key: &SecretString, danger: &str) -> Finding {
    let key = key.expose_secret();
    let varied = key.bytes().collect::<HashSet<_>>().len() >= 8;
    if key.len() >= LONG_ENOUGH && varied {
        return Finding::good(SUBJECT, format!("{name} is in order"));
    }
    Finding::bad(
        SUBJECT,
        format!("{name} can be guessed: {danger}"),
        "make one with `openssl rand -base64 32`, or leave the variable out",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    const SECRET: (&str, &str) = ("BETTER_AUTH_SECRET", "R6h0cVbW3zQp8nYtK2mXs5uJ7fLdA1eG");

    fn worst(values: &[(&str, &str)]) -> Vec<String> {
        let (findings, _) = examine(&Surroundings::of(values));
        let bad = findings.into_iter().filter(|finding| finding.verdict == Verdict::Bad);
        bad.map(|finding| finding.said).collect()
    }

    #[test]
    fn a_good_configuration_is_not_complained_about() {
        assert!(worst(&[SECRET]).is_empty());
        let public = [
            SECRET,
            ("NODE_ENV", "production"),
            ("API_URL", "https://panel.example.com"),
            ("FRONTEND_URL", "https://panel.example.com"),
        ];
        assert!(worst(&public).is_empty());
    }

    #[test]
    fn guessable_keys_are_named_and_not_shown() {
        let found = worst(&[
            SECRET,
            ("ADMIN_RECOVERY_KEY", "hunter2"),
            ("SETUP_TOKEN", "aaaaaaaaaaaaaaaaaaaaaaaaa"),
        ]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(!found.concat().contains("hunter2"));
    }

    #[test]
    fn development_does_not_go_out_into_the_world() {
        assert_eq!(worst(&[SECRET, ("API_URL", "https://panel.example.com")]).len(), 1);
        assert_eq!(worst(&[]).len(), 1, "without a secret nothing can be examined");
    }
}
