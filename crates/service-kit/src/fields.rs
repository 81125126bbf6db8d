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
    /// `body` or `query`, as problems name it.
    root: &'static str,
    values: Map<String, Value>,
    problems: RefCell<Vec<String>>,
}

impl Fields {
    /// `body` is `None` when the request had none.
    pub fn of(body: Option<Value>) -> Result<Self, Problems> {
        match body {
            Some(Value::Object(values)) => {
                Ok(Self { root: "body", values, problems: RefCell::default() })
            }
            other => Err(Problems(vec![format!(
                "[body] Invalid input: expected object, received {}",
                type_name(other.as_ref())
            )])),
        }
    }

    /// The keys of a query, all of them text. A key given twice becomes a list, so
    /// that no reader takes one of the two: neither is what the caller meant.
    #[must_use]
    pub fn of_query(query: &str) -> Self {
        let mut values = Map::new();
        for (name, value) in form_urlencoded(query) {
            let value = match values.remove(&name) {
                None => Value::String(value),
                Some(Value::Array(mut list)) => {
                    list.push(Value::String(value));
                    Value::Array(list)
                }
                Some(earlier) => Value::Array(vec![earlier, Value::String(value)]),
            };
            values.insert(name, value);
        }
        Self { root: "query", values, problems: RefCell::default() }
    }

    /// An object within a body, which problems name by `root`.
    #[must_use]
    pub fn nested(root: &'static str, values: Map<String, Value>) -> Self {
        Self { root, values, problems: RefCell::default() }
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

    /// Absent is fine and reads as `Some(None)`.
    pub fn optional_bool(&self, name: &str) -> Option<Option<bool>> {
        match self.values.get(name) {
            None => Some(None),
            Some(Value::Bool(value)) => Some(Some(*value)),
            other => self.unexpected(name, "boolean", other),
        }
    }

    /// A list of texts. Absent is fine and reads as an empty one.
    pub fn strings_or_none(&self, name: &str) -> Option<Vec<String>> {
        let list = match self.values.get(name) {
            None => return Some(Vec::new()),
            Some(Value::Array(list)) => list,
            other => return self.unexpected(name, "array", other),
        };
        let texts: Option<Vec<_>> =
            list.iter().map(|entry| entry.as_str().map(str::to_owned)).collect();
        if texts.is_none() {
            self.note(name, "Invalid input: expected an array of strings");
        }
        texts
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

    /// Text, or what JavaScript would make text of: ids may come as numbers
    /// (contract 5.1).
    pub fn id(&self, name: &str) -> Option<String> {
        match self.values.get(name) {
            Some(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => {
                Some(value.to_string())
            }
            None => {
                self.note(name, "Invalid input: expected nonoptional, received undefined");
                None
            }
            Some(_) => self.string(name),
        }
    }

    /// For an endpoint that takes nothing but an id.
    pub fn only_id(self, name: &str) -> Result<String, Problems> {
        let id = self.id(name);
        self.finish()?;
        Ok(id.unwrap_or_default())
    }

    /// An object of any fields. Absent is fine and reads as `Some(None)`.
    pub fn optional_record(&self, name: &str) -> Option<Option<Map<String, Value>>> {
        match self.values.get(name) {
            None => Some(None),
            Some(Value::Object(record)) => Some(Some(record.clone())),
            other => self.unexpected(name, "record", other),
        }
    }

    pub fn record(&self, name: &str) -> Option<Map<String, Value>> {
        match self.optional_record(name)? {
            Some(record) => Some(record),
            None => self.unexpected(name, "record", None),
        }
    }

    /// Absent is fine and reads as `Some(None)`.
    pub fn optional_number(&self, name: &str) -> Option<Option<f64>> {
        match self.values.get(name) {
            None => Some(None),
            Some(Value::Number(number)) => Some(number.as_f64()),
            other => self.unexpected(name, "number", other),
        }
    }

    /// One of these words. Absent is fine and reads as `Some(None)`.
    pub fn optional_choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Option<Option<T>> {
        let Some(given) = self.values.get(name) else { return Some(None) };
        let chosen = choices.iter().find(|(word, _)| given.as_str() == Some(*word));
        if chosen.is_none() {
            let words: Vec<_> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            self.note(name, &format!("Invalid option: expected one of {}", words.join("|")));
        }
        chosen.map(|(_, choice)| Some(*choice))
    }

    /// A value as it came, for rules that are not about its type.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// Whether a field is there and not empty, as JavaScript's `if` would have it.
    #[must_use]
    pub fn is_truthy(&self, name: &str) -> bool {
        match self.values.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(value)) => *value,
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(_) | Value::Object(_)) => true,
        }
    }

    /// Whether there is no field but these.
    #[must_use]
    pub fn has_only(&self, known: &[&str]) -> bool {
        self.values.keys().all(|name| known.contains(&name.as_str()))
    }

    /// Notes what is wrong with all of it together.
    pub fn note_whole(&self, problem: &str) {
        self.problems.borrow_mut().push(format!("[{}] {problem}", self.root));
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

    /// Notes what a rule of the endpoint's own finds wrong with a field.
    pub fn note(&self, name: &str, problem: &str) {
        self.problems.borrow_mut().push(format!("[{}.{name}] {problem}", self.root));
    }
}

/// Pairs in their order; a query that cannot be read has none.
fn form_urlencoded(query: &str) -> Vec<(String, String)> {
    serde_urlencoded::from_str(query).unwrap_or_default()
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
        let fields =
            Fields::of(Some(json!({ "email": "nobody", "rememberMe": "yes" }))).expect("an object");
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
    fn a_key_given_twice_in_a_query_is_neither_of_them() {
        let fields = Fields::of_query("token=a&token=b&callbackURL=%2Fdash+1&x");
        assert_eq!(fields.string("token"), None);
        assert_eq!(fields.string("callbackURL"), Some("/dash 1".into()));
        assert_eq!(
            fields.finish().unwrap_err().to_string(),
            "[query.token] Invalid input: expected string, received array"
        );
    }

    #[test]
    fn truth_is_as_in_javascript() {
        let body = json!({ "no": false, "zero": 0, "empty": "", "null": null, "list": [], "text": "false" });
        let fields = Fields::of(Some(body)).expect("an object");
        for name in ["no", "zero", "empty", "null", "absent"] {
            assert!(!fields.is_truthy(name), "{name}");
        }
        assert!(fields.is_truthy("list") && fields.is_truthy("text"));
    }

    #[test]
    fn a_choice_names_what_there_is_to_choose() {
        let fields = Fields::of_query("sort=up&value=a%20b&value=c&value=d");
        assert_eq!(fields.raw("value"), Some(&json!(["a b", "c", "d"])));
        assert_eq!(fields.optional_choice("order", &[("asc", 1)]), Some(None));
        assert_eq!(fields.optional_choice("sort", &[("asc", 1), ("desc", 2)]), None);
        assert_eq!(
            fields.finish().unwrap_err().to_string(),
            "[query.sort] Invalid option: expected one of \"asc\"|\"desc\""
        );
    }

    #[test]
    fn an_id_may_be_a_number() {
        let fields = Fields::of(Some(json!({ "a": 17, "b": "x", "c": {} }))).expect("an object");
        let read = |name| fields.id(name);
        assert_eq!(
            (read("a"), read("b"), read("c"), read("d")),
            (Some("17".into()), Some("x".into()), None, None)
        );
        assert_eq!(
            fields.finish().unwrap_err().to_string(),
            "[body.c] Invalid input: expected string, received object; \
             [body.d] Invalid input: expected nonoptional, received undefined"
        );
    }

    #[test]
    fn a_body_that_is_no_object_says_what_it_is() {
        let said = |body| Fields::of(body).unwrap_err().to_string();
        assert_eq!(said(None), "[body] Invalid input: expected object, received undefined");
        assert_eq!(said(Some(json!([]))), "[body] Invalid input: expected object, received array");
    }
}
