//! What the objects and cookies of the protocol look like.

use auth_types::Timestamp;
use serde_json::Value;

/// What ends a session in a browser, in this order.
pub const CLEARED: [&str; 3] = [
    "better-auth.session_token=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
    "better-auth.session_data=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
    "better-auth.dont_remember=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax",
];

/// The names of an object's members, sorted.
#[must_use]
pub fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_object().unwrap_or_else(|| panic!("expected an object: {value}"));
    let mut keys: Vec<_> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// The text of a member.
#[must_use]
#[track_caller]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("expected text: {value}"))
}

/// An instant in the one form that clients take for a date.
#[must_use]
#[track_caller]
pub fn instant(value: &Value) -> Timestamp {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

/// Seconds from one instant to another.
#[must_use]
#[track_caller]
pub fn seconds_between(earlier: &Value, later: &Value) -> u64 {
    instant(later).since(instant(earlier)).as_secs()
}

#[track_caller]
pub fn expect_id(value: &Value) {
    let id = text(value);
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
}

/// Expects a user, with every member and no other.
#[track_caller]
pub fn expect_user(user: &Value) {
    let expected = [
        "banExpires",
        "banReason",
        "banned",
        "createdAt",
        "email",
        "emailVerified",
        "id",
        "image",
        "name",
        "role",
        "twoFactorEnabled",
        "updatedAt",
    ];
    assert_eq!(keys(user), expected);
    expect_id(&user["id"]);
    assert!(instant(&user["createdAt"]) <= instant(&user["updatedAt"]), "{user}");
}

/// Expects a session, with every member and no other.
#[track_caller]
pub fn expect_session(session: &Value) {
    let expected = [
        "createdAt",
        "expiresAt",
        "id",
        "impersonatedBy",
        "ipAddress",
        "token",
        "updatedAt",
        "userAgent",
        "userId",
    ];
    assert_eq!(keys(session), expected);
    expect_id(&session["id"]);
    expect_id(&session["token"]);
    expect_id(&session["userId"]);
    assert!(instant(&session["createdAt"]) <= instant(&session["updatedAt"]), "{session}");
    assert!(instant(&session["updatedAt"]) < instant(&session["expiresAt"]), "{session}");
}

/// Expects the line that puts a session into a browser, for a week or until it closes.
#[track_caller]
pub fn expect_session_cookie(line: &str, token: &str, max_age: Option<u32>) {
    let max_age = max_age.map(|secs| format!("; Max-Age={secs}")).unwrap_or_default();
    let attributes = format!("{max_age}; Path=/; HttpOnly; SameSite=Lax");
    let value = line.strip_prefix("better-auth.session_token=").unwrap_or_else(|| panic!("{line}"));
    let value = value.strip_suffix(&attributes).unwrap_or_else(|| panic!("{line}"));
    let signature =
        value.strip_prefix(&format!("{token}.")).unwrap_or_else(|| panic!("{line}: not {token}"));
    let decoded = signature.replace("%2B", "+").replace("%2F", "/").replace("%3D", "=");
    assert!(decoded.len() == 44 && decoded.ends_with('='), "{line}");
    assert!(!signature.contains(['+', '/', '=']), "{line}");
}
