//! Reading the fields of a JSON body, all faults in one message.
//!
//! The wording is that of the validator the original uses, because panels show
//! it (contract 1.5): `[body.email] Invalid email address; [body.name] Invalid
//! input: expected string, received undefined`.

use std::{cell::RefCell, fmt};

use auth_types::Email;
use serde_json::{Map, Value};

/// What does not fit, in the order the fields were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

/// The body of a request, while it is being read.
///
/// Each reader gives `None` for a field that does not fit and notes why; after the
/// last one, [`Fields::finish`] gives the notes back if there are any. So a struct
/// is built from `Option`s that are `Some` whenever `finish` was content.
#[derive(Debug)]
pub struct Fields {
    values: Map<String, Value>,
    problems: RefCell<Vec<String>>,
}

impl Fields {
    /// `body` is `None` when the request had none.
    pub fn of(body: Option<Value>) -> Result<Self, Problems> {
        match body {
            Some(Value::Object(values)) => Ok(Self { values, problems: RefCell::default() }),
            other => Err(Problems(vec![format!(
                "[body] Invalid input: expected object, received {}",
                type_name(other.as_ref())
            )])),
        }
    }

    /// Text without NUL, which Postgres does not store and bcrypt libraries
    /// disagree about.
    pub fn string(&self, name: &str) -> Option<String> {
        match self.values.get(name) {
            Some(Value::String(text)) if text.contains('\0') => {
                self.note(name, "Invalid input: a string must not contain NUL");
                None
            }
            Some(Value::String(text)) => Some(text.clone()),
            other => self.unexpected(name, "string", other),
        }
    }

    /// Absent is fine and reads as `Some(None)`.
    pub fn optional_string(&self, name: &str) -> Option<Option<String>> {
        match self.values.get(name) {
            None => Some(None),
            Some(_) => self.string(name).map(Some),
        }
    }

    /// Absent reads as `default`.
    pub fn bool_or(&self, name: &str, default: bool) -> Option<bool> {
        match self.values.get(name) {
            None => Some(default),
            Some(Value::Bool(value)) => Some(*value),
            other => self.unexpected(name, "boolean", other),
        }
    }

    pub fn email(&self, name: &str) -> Option<Email> {
        let text = self.string(name)?;
        Email::parse(&text).map_err(|wrong| self.note(name, &wrong.to_string())).ok()
    }

    /// At least one character.
    pub fn filled_string(&self, name: &str) -> Option<String> {
        let text = self.string(name)?;
        if text.is_empty() {
            self.note(name, "Too small: expected string to have >=1 characters");
        }
        (!text.is_empty()).then_some(text)
    }

    /// A value as it came, for rules that are not about its type.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    pub fn finish(self) -> Result<(), Problems> {
        let problems = self.problems.into_inner();
        if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
    }

    fn unexpected<T>(&self, name: &str, expected: &str, got: Option<&Value>) -> Option<T> {
        let got = type_name(got);
        self.note(name, &format!("Invalid input: expected {expected}, received {got}"));
        None
    }

    fn note(&self, name: &str, problem: &str) {
        self.problems.borrow_mut().push(format!("[body.{name}] {problem}"));
    }
}

fn type_name(value: Option<&Value>) -> &'static str {
    match value {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_faults_come_in_one_message() {
        let fields = Fields::of(Some(json!({ "email": "nobody", "rememberMe": "yes" }))).expect("an object");
        assert_eq!(fields.email("email"), None);
        assert_eq!(fields.string("password"), None);
        assert_eq!(fields.bool_or("rememberMe", true), None);
        assert_eq!(
            fields.finish().unwrap_err().to_string(),
            "[body.email] Invalid email address; \
             [body.password] Invalid input: expected string, received undefined; \
             [body.rememberMe] Invalid input: expected boolean, received string"
        );
    }

    #[test]
    fn a_body_that_is_no_object_says_what_it_is() {
        let said = |body| Fields::of(body).unwrap_err().to_string();
        assert_eq!(said(None), "[body] Invalid input: expected object, received undefined");
        assert_eq!(said(Some(json!([]))), "[body] Invalid input: expected object, received array");
    }
}
