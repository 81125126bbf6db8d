//! An example of every message between services, as it is on the wire.
//!
//! When a test here fails, services of the last release and of this one no
//! longer understand each other during a rolling change. Give the message a new
//! version instead of changing the file. New messages: write the file by running
//! the tests once with `UPDATE_GOLDEN=1`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{fmt::Debug, path::Path};

use auth_types::{Email, Roles, SessionId, SessionToken, Timestamp, TokenDigest, UserId};
use contract::{
    Answer, Call, Refusal,
    mail::{self, Mail, Outcome, Receipt, Template},
    mfa::{Gate, GateAnswer},
    session::*,
    session_copy::{self, Provenance, SessionCopy},
    user::{User, UserSnapshot},
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

fn keeps<T: Serialize + DeserializeOwned + Debug>(name: &str, example: &T) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(format!("{name}.json"));
    let now = serde_json::to_string_pretty(example).unwrap() + "\n";
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let golden = std::fs::read_to_string(&path).expect("a golden file");
    assert_eq!(now, golden, "{name} is written differently");
    let read: T = serde_json::from_str(&golden).expect("the golden file reads");
    assert_eq!(format!("{read:?}"), format!("{example:?}"), "{name} is read differently");
}

fn at(text: &str) -> Timestamp {
    serde_json::from_value(text.into()).unwrap()
}

fn user() -> User {
    User {
        name: "Ann".into(),
        email: Email::parse("ann@example.com").unwrap(),
        email_verified: true,
        image: None,
        created_at: at("2026-11-23T23:52:45.438Z"),
        updated_at: at("2026-11-23T23:52:45.438Z"),
        role: Roles::user(),
        banned: false,
        ban_reason: None,
        ban_expires: None,
        two_factor_enabled: false,
        id: UserId::from("LYbJ55czqsniooSe3XHIwXjahfryohAD".to_owned()),
    }
}

fn snapshot() -> UserSnapshot {
    UserSnapshot { version: 7, user: user() }
}

fn session() -> Session {
    Session {
        expires_at: at("2026-11-30T23:52:45.487Z"),
        created_at: at("2026-11-23T23:52:45.487Z"),
        updated_at: at("2026-11-23T23:52:45.487Z"),
        ip_address: "203.0.113.7".into(),
        user_agent: "curl/8".into(),
        user_id: user().id,
        impersonated_by: None,
        id: SessionId::from("iU7bNI3xnbUYekwArNzyReHRQUc2AO6D".to_owned()),
        extendable: true,
    }
}

fn live() -> LiveSession {
    LiveSession { session: session(), user: user(), version: Version { session: 3, user: 7 } }
}

fn digest() -> TokenDigest {
    TokenDigest::from([0x5e; 32])
}

#[test]
fn session_messages() {
    let client = ClientInfo { ip_address: "203.0.113.7".into(), user_agent: "curl/8".into() };
    let create = CreateSession {
        user: snapshot(),
        proof: Proof::Password,
        lifetime: Lifetime::Standard,
        client,
    };
    keeps(CreateSession::SUBJECT, &create);
    let token = SessionToken::parse("t4VzMePCoxmvndXmNB7VZmfc9QbYRFV3").unwrap();
    keeps("session.v1.create.reply", &Answer::Done(SessionOpened { token, session: session() }));
    keeps(ResolveSession::SUBJECT, &ResolveSession { digest: digest() });
    keeps("session.v1.resolve.reply", &Answer::Done(Some(live())));
    keeps("session.v1.resolve.reply-none", &Answer::<Option<LiveSession>>::Done(None));
    keeps(RefreshSession::SUBJECT, &RefreshSession { digest: digest() });
    keeps(UserChanged::SUBJECT, &UserChanged { user: snapshot() });
    let reason = RevokeReason::PasswordReset;
    keeps(RevokeUser::SUBJECT, &RevokeUser { user: snapshot(), reason });
    keeps(SessionsRevoked::SUBJECT, &SessionsRevoked { digests: vec![digest()] });
}

#[test]
fn answers_without_a_value() {
    keeps("answer-refused", &Answer::<()>::Refused(Refusal::BannedUser));
    keeps("answer-unavailable", &Answer::<()>::Unavailable);
    keeps("answer-done", &Answer::Done(()));
}

#[test]
fn mfa_messages() {
    keeps(Gate::SUBJECT, &Gate { user_id: user().id });
    keeps("mfa.v1.gate.reply", &Answer::Done(GateAnswer::NoFactorOwed));
}

#[test]
fn mail_messages() {
    let mail = |template| Mail {
        id: Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001),
        to: "ann@example.com".into(),
        receipt_subject: Receipt::SUBJECT.into(),
        template,
    };
    let url = "https://panel.example.com/api/auth/verify-email?token=x".to_owned();
    keeps(mail::SUBJECT, &mail(Template::VerifyEmail { name: "Ann".into(), url }));
    keeps("mail.v1.send.password-recovered", &mail(Template::PasswordRecovered { name: "Ann".into() }));
    keeps(Receipt::SUBJECT, &Receipt { id: Uuid::from_u128(1), outcome: Outcome::Sent });
}

#[test]
fn copies_in_redis() {
    let written_under = Provenance::new("run1", "replid1");
    keeps("session-copy-live", &SessionCopy::Live { written_under, live: Box::new(live()) });
    keeps("session-copy-revoked", &SessionCopy::Revoked);
    assert_eq!(session_copy::key(digest()), format!("s:1:{}", "5e".repeat(32)));
}
