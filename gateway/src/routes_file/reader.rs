//! Reading a table of the file field by field, so that one reading finds every mistake.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::Problems;

/// A table on its way into a type. What is left in it at the end is unknown.
pub(super) struct Reader<'a> {
    /// Where in the file, for whoever has to mend it.
    at: String,
    table: Table,
    problems: &'a mut Problems,
}

impl<'a> Reader<'a> {
    pub(super) fn new(at: String, value: Value, problems: &'a mut Problems) -> Self {
        let table = match value {
            Value::Table(table) => table,
            other => {
                problems.add(&at, format_args!("is a {}, expected a table", other.type_str()));
                Table::new()
            }
        };
        Self { at, table, problems }
    }

    pub(super) fn problem(&mut self, problem: impl std::fmt::Display) {
        self.problems.add(&self.at, problem);
    }

    pub(super) fn rename(&mut self, at: String) {
        self.at = at;
    }

    pub(super) fn take<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        match self.table.remove(key)?.try_into() {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(format_args!("{key}: {}", error.message()));
                None
            }
        }
    }

    /// The same for numbers that have bounds; they stand in the message.
    pub(super) fn take_within<T>(&mut self, key: &str, least: T, most: T) -> Option<T>
    where
        T: DeserializeOwned + PartialOrd + Copy + std::fmt::Debug,
    {
        let value = self.take(key)?;
        if least <= value && value <= most {
            return Some(value);
        }
        self.problem(format_args!("{key} is {value:?}, expected {least:?} to {most:?}"));
        None
    }

    /// A time such as `"1s 500ms"`, within bounds.
    pub(super) fn take_duration(
        &mut self,
        key: &str,
        least: std::time::Duration,
        most: std::time::Duration,
    ) -> Option<std::time::Duration> {
        let given = self.take::<humantime_serde::Serde<std::time::Duration>>(key)?.into_inner();
        if least <= given && given <= most {
            return Some(given);
        }
        self.problem(format_args!("{key} is {given:?}, expected {least:?} to {most:?}"));
        None
    }

    pub(super) fn take_value(&mut self, key: &str) -> Option<Value> {
        self.table.remove(key)
    }

    /// A table within this one.
    pub(super) fn inner(&mut self, key: &str) -> Option<Reader<'_>> {
        let value = self.table.remove(key)?;
        Some(Reader::new(format!("{}, {key}", self.at), value, self.problems))
    }

    /// The same for a table that was in a list.
    pub(super) fn nested(&mut self, what: &str, value: Value) -> Reader<'_> {
        Reader::new(format!("{}, {what}", self.at), value, self.problems)
    }

    /// Whatever nobody has taken is misspelt, or nothing we know of.
    pub(super) fn finish(self) {
        for key in self.table.keys() {
            self.problems.add(&self.at, format_args!("there is no key {key:?}"));
        }
    }
}
