//! Who has an account at which store, under the rules that are in `deploy/`.
//!
//! The local stack runs under the same rules as every other deployment, so that each
//! test also tests that they allow what is needed.

use crate::process::Process;
use crate::secrets::Secrets;

/// The user that may do everything: for tests and for people, not for services.
pub(crate) const OPERATOR: &str = "operator";

/// Processes with an account at NATS. The user is called like the process.
const AT_NATS: [Process; 5] =
    [Process::Gateway, Process::Identity, Process::Session, Process::Mfa, Process::Mailer];
/// The same at Redis.
const AT_REDIS: [Process; 2] = [Process::Gateway, Process::Session];

pub(crate) fn nats_user(process: Process) -> Option<&'static str> {
    AT_NATS.contains(&process).then(|| process.name())
}

pub(crate) fn redis_user(process: Process) -> Option<&'static str> {
    AT_REDIS.contains(&process).then(|| process.name())
}

/// At Postgres the role is called like the schema that it owns.
pub(crate) fn postgres_role(process: Process) -> Option<&'static str> {
    match process {
        Process::Identity => Some("identity"),
        Process::Session => Some("session"),
        Process::Mfa => Some("mfa"),
        _ => None,
    }
}

/// `deploy/nats/passwords.conf`, which `users.conf` includes.
pub(crate) fn nats_passwords(secrets: &Secrets) -> String {
    let operator = [(OPERATOR.to_owned(), secrets.nats_password.as_str())];
    let services = AT_NATS.map(|process| (process.name().replace('-', "_"), secrets.of(process)));
    operator
        .into_iter()
        .chain(services)
        .map(|(name, password)| format!("{name}_password: \"{password}\""))
        .collect::<Vec<_>>()
        .join("\n")
}

/// `deploy/redis/users.acl` with its passwords.
pub(crate) fn redis_users(secrets: &Secrets) -> String {
    let rules = include_str!("../../../deploy/redis/users.acl");
    let rules = rules.replace("{operator_password}", &secrets.redis_password);
    AT_REDIS.into_iter().fold(rules, |rules, process| {
        let name = process.name().replace('-', "_");
        rules.replace(&format!("{{{name}_password}}"), secrets.of(process))
    })
}

/// `deploy/postgres/roles.sql` with its passwords, which `psql` would put in.
pub(crate) fn postgres_roles(secrets: &Secrets) -> String {
    let sql = include_str!("../../../deploy/postgres/roles.sql").to_owned();
    Process::ALL.into_iter().fold(sql, |sql, process| match postgres_role(process) {
        None => sql,
        Some(role) => {
            sql.replace(&format!(":'{role}_password'"), &format!("'{}'", secrets.of(process)))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_password_has_its_place() {
        let dir = tempfile::tempdir().expect("a directory");
        let secrets = Secrets::read_or_create(&dir.path().join("secrets.json")).expect("created");
        assert_eq!(nats_passwords(&secrets).lines().count(), AT_NATS.len() + 1);
        for (rules, store) in [
            (redis_users(&secrets), "Redis"),
            (postgres_roles(&secrets).replace("password=…", ""), "Postgres"),
        ] {
            assert!(!rules.contains("_password}") && !rules.contains(":'"), "{store}");
        }
    }

    #[test]
    fn nats_is_told_every_password_that_its_rules_ask_for() {
        let rules = include_str!("../../../deploy/nats/users.conf");
        let asked_for = rules.matches("password: $").count();
        assert_eq!(asked_for, AT_NATS.len() + 1, "a user without a process, or the reverse");
        for process in AT_NATS {
            let variable = format!("${}_password,", process.name().replace('-', "_"));
            assert!(rules.contains(&variable), "{process} has no user");
        }
    }
}
