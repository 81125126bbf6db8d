//! The environment that the services of a deployment are given.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::SecretString;
use service_kit::Env;

/// Variables, as the process has them or a test gives them.
pub(crate) struct Surroundings(BTreeMap<String, String>);

/// The address of a store with the account that one service has there.
pub(crate) struct Named {
    /// The variable that holds it.
    pub(crate) variable: String,
    pub(crate) url: SecretString,
}

impl Surroundings {
    pub(crate) fn of_process() -> Self {
        let readable = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(readable).collect())
    }

    #[cfg(test)]
    pub(crate) fn of(values: &[(&str, &str)]) -> Self {
        Self(values.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    /// As a service reads them.
    pub(crate) fn env(&self) -> Env {
        Env::of(self.0.clone())
    }

    /// Every variable whose name ends so, or whose `_FILE` does.
    pub(crate) fn named(&self, ending: &str) -> Vec<Named> {
        let set = self.0.iter().filter(|(_, value)| !value.is_empty());
        let names: BTreeSet<_> = set
            .map(|(name, _)| name.strip_suffix("_FILE").unwrap_or(name))
            .filter(|name| {
                name.strip_suffix(ending).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
            })
            .collect();
        let account = |name: &str| {
            let url = self.env().text(name)?;
            Some(Named { variable: name.to_owned(), url: url.into() })
        };
        names.into_iter().filter_map(account).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_account_of_a_store_is_found_and_nothing_else() {
        let surroundings = Surroundings::of(&[
            ("DATABASE_URL", "postgres://a"),
            ("MFA_DATABASE_URL", "postgres://b"),
            ("OLD_DATABASE_URL", ""),
            ("NODATABASE_URL", "postgres://c"),
            ("REDIS_URL", "redis://d"),
        ]);
        let found = surroundings.named("DATABASE_URL");
        let names: Vec<_> = found.iter().map(|named| named.variable.as_str()).collect();
        assert_eq!(names, ["DATABASE_URL", "MFA_DATABASE_URL"]);
    }
}
