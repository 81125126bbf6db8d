//! Configuration, from environment variables alone.
//!
//! Every variable may instead name a file that holds the value, as `NAME_FILE`.
//! Reading goes on past the first problem, so that one restart is enough to mend
//! them all; a secret is never echoed. The same reading, without an environment,
//! is what `--help` prints.

use std::{cell::RefCell, collections::BTreeMap, fmt::Display, net::SocketAddr, str::FromStr};

use anyhow::Context;

use secrecy::{ExposeSecret, SecretString};

/// A variable as `--help` shows it.
#[derive(Debug)]
struct Described {
    name: &'static str,
    about: &'static str,
    default: Option<String>,
}

/// The environment, while a service reads its configuration.
///
/// Each reader gives `None` where there is a problem, and notes it. A service
/// builds its configuration with `?` from those, and [`Env::finish`] turns notes
/// into the one message that lists them.
#[derive(Debug, Default)]
pub struct Env {
    values: BTreeMap<String, String>,
    described: RefCell<Vec<Described>>,
    problems: RefCell<Vec<String>>,
}

/// Everything that is wrong with the configuration, a line each.
#[derive(Debug, thiserror::Error)]
#[error("the configuration has {} problem(s):\n{}", .0.len(), .0.join("\n"))]
pub struct Problems(Vec<String>);

impl Env {
    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self::of(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }))
    }

    pub fn of(values: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { values: values.into_iter().collect(), ..Self::default() }
    }

    /// A value that must be set.
    pub fn required<T>(&self, name: &'static str, about: &'static str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        self.describe(name, about, None);
        let Some(text) = self.text(name) else {
            self.problem(name, "is not set", about);
            return None;
        };
        self.parse(name, &text)
    }

    /// A value with a default, which must itself parse.
    pub fn or<T>(&self, name: &'static str, default: &str, about: &'static str) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        self.describe(name, about, Some(default.to_owned()));
        let text = self.text(name).unwrap_or_else(|| default.to_owned());
        self.parse(name, &text)
    }

    /// A value that may be left out.
    pub fn optional<T>(&self, name: &'static str, about: &'static str) -> Option<Option<T>>
    where
        T: FromStr<Err: Display>,
    {
        self.describe(name, about, None);
        match self.text(name) {
            None => Some(None),
            Some(text) => self.parse(name, &text).map(Some),
        }
    }

    /// A list separated by commas; empty entries are skipped.
    pub fn list<T>(&self, name: &'static str, default: &str, about: &'static str) -> Option<Vec<T>>
    where
        T: FromStr<Err: Display>,
    {
        self.describe(name, about, Some(default.to_owned()));
        let text = self.text(name).unwrap_or_else(|| default.to_owned());
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        // Read them all before judging, so that every bad entry is named.
        entries.map(|entry| self.parse(name, entry)).collect::<Vec<_>>().into_iter().collect()
    }

    /// A secret that must be set, made into something by `read`. Its text appears
    /// in no message.
    pub fn secret<T, E: Display>(
        &self,
        name: &'static str,
        about: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        self.describe(name, about, None);
        let Some(text) = self.text(name).map(SecretString::from) else {
            self.problem(name, "is not set", about);
            return None;
        };
        let secret = read(text.expose_secret());
        secret.map_err(|problem| self.problem(name, "is unfit", &problem.to_string())).ok()
    }

    /// A secret that may be left out.
    pub fn optional_secret(
        &self,
        name: &'static str,
        about: &'static str,
    ) -> Option<Option<SecretString>> {
        self.describe(name, about, None);
        Some(self.text(name).map(Into::into))
    }

    /// The address of a store or a server, which may hold a password.
    pub fn secret_url(&self, name: &'static str, about: &'static str) -> Option<SecretString> {
        self.secret(name, about, |text| {
            url::Url::parse(text)
                .map(|_| text.into())
                .map_err(|problem| format!("{about} ({problem})"))
        })
    }

    /// Notes a problem that is not about one value's form.
    pub fn problem(&self, name: &str, found: &str, expected: &str) {
        self.problems.borrow_mut().push(format!("  {name} {found}: {expected}"));
    }

    /// The configuration, if nothing was wrong.
    pub fn finish<T>(self, config: Option<T>) -> Result<T, Problems> {
        let problems = self.problems.into_inner();
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(Problems(problems)),
        }
    }

    /// An address that was read before, as it was read.
    pub fn address(&self, name: &str) -> anyhow::Result<SocketAddr> {
        let described = self.described.borrow();
        let default = described.iter().find(|variable| variable.name == name);
        let default = default.and_then(|variable| variable.default.clone());
        let text = self.text(name).or(default).with_context(|| format!("{name} is not set"))?;
        text.parse().with_context(|| format!("{name} is {text:?}"))
    }

    /// What `--help` prints of the variables that were read.
    #[must_use]
    pub fn help(&self) -> String {
        let line = |variable: &Described| {
            let default = match variable.default.as_deref() {
                None | Some("") => String::new(),
                Some(default) => format!(" [default: {default}]"),
            };
            format!("  {:<30} {}{default}\n", variable.name, variable.about)
        };
        self.described.borrow().iter().map(line).collect()
    }

    fn describe(&self, name: &'static str, about: &'static str, default: Option<String>) {
        self.described.borrow_mut().push(Described { name, about, default });
    }

    /// The variable, or what is in the file that `NAME_FILE` names. Empty counts
    /// as not set, as in compose files.
    pub fn text(&self, name: &str) -> Option<String> {
        let set = |name: &str| self.values.get(name).filter(|value| !value.is_empty()).cloned();
        let file = set(&format!("{name}_FILE"));
        let Some(path) = file else { return set(name) };
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => {
                self.problem(&format!("{name}_FILE"), &format!("names {path}"), &error.to_string());
                None
            }
        }
    }

    fn parse<T: FromStr<Err: Display>>(&self, name: &str, text: &str) -> Option<T> {
        let found = format!("is {text:?}");
        text.parse()
            .map_err(|problem: T::Err| self.problem(name, &found, &problem.to_string()))
            .ok()
    }
}

/// `on`/`off` and their like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch(pub bool);

impl FromStr for Switch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "on" | "true" | "yes" | "1" => Ok(Self(true)),
            "off" | "false" | "no" | "0" => Ok(Self(false)),
            _ => Err("expected on or off"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(values: &[(&str, &str)]) -> Env {
        Env::of(values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    #[test]
    fn every_problem_is_listed_and_no_secret_is() {
        let env = env(&[("PORT", "many"), ("KEY", "hunter2")]);
        let port: Option<u16> = env.required("PORT", "the port");
        let url: Option<String> = env.required("URL", "where it is");
        let key = env.secret("KEY", "the key", |_| Err::<(), _>("expected more"));
        let message = env.finish(port.zip(url).zip(key)).unwrap_err().to_string();
        assert!(
            message.contains("3 problem(s)") && message.contains("PORT is \"many\""),
            "{message}"
        );
        assert!(message.contains("URL is not set: where it is"), "{message}");
        assert!(
            message.contains("KEY is unfit: expected more") && !message.contains("hunter2"),
            "{message}"
        );
    }

    #[test]
    fn an_address_is_the_one_that_was_read_or_its_default() {
        for (set, expected) in [(None, "127.0.0.1:3002"), (Some("0.0.0.0:1"), "0.0.0.0:1")] {
            let set: Vec<_> = set.map(|address| ("ADMIN_ADDR", address)).into_iter().collect();
            let env = env(&set);
            let read: Option<SocketAddr> = env.or("ADMIN_ADDR", "127.0.0.1:3002", "the port");
            assert_eq!(env.address("ADMIN_ADDR").ok(), read);
            assert_eq!(read.map(|address| address.to_string()).as_deref(), Some(expected));
        }
        assert!(env(&[]).address("ADMIN_ADDR").is_err());
    }

    #[test]
    fn a_file_can_hold_the_value() {
        let path = std::env::temp_dir().join(format!("config-test-{}", std::process::id()));
        std::fs::write(&path, "from the file\n").expect("writes");
        let env = env(&[("KEY_FILE", path.to_str().expect("text")), ("KEY", "from the variable")]);
        let key: Option<String> = env.required("KEY", "the key");
        std::fs::remove_file(path).expect("removes");
        assert_eq!(env.finish(key).expect("in order"), "from the file");
    }
}
