//! An example of every message between services, as it is on the wire; in
//! `golden/previous` as the last release had it (docs/releases.md).
//!
//! When a test here fails, services of the last release and of this one no
//! longer understand each other during a rolling change. Give the message a new
//! version instead of changing the file. New messages: write the file by running
//! the tests once with `UPDATE_GOLDEN=1`.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fmt::Debug,
    path::{Path, PathBuf},
};

use auth_types::{
    ChallengeToken, DeviceToken, Email, Roles, SessionId, SessionToken, Timestamp, TokenDigest,
    UserId,
};
use contract::{
    Answer, Call, Refusal,
    event::{PASSKEY_ADDED, PASSKEY_REMOVED, PasskeyEvent},
    identity::{GetUser, SetTwoFactor, VerifyPassword},
    mail::{self, FactorChange, Mail, MfaReceipt, Outcome, PasskeyChange, Receipt, Template},
    mfa::{
        DeleteUser, FactorOwed, FirstProof, ForgetDevices, ForgetReason, Gate, GateAnswer, Method,
        RemoveFactors,
    },
    revocation::{self, Heartbeat, Instance, SessionsChanged},
    session::*,
    session_copy::{self, Provenance, SessionCopy},
    user::{User, UserSnapshot},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
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
    if let Ok(previous) = std::fs::read_to_string(previous(name)) {
        understood_both_ways::<T>(name, &previous, &now);
    }
}

fn previous(name: &str) -> PathBuf {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    golden.join("previous").join(format!("{name}.json"))
}

/// During a rolling change the last release sends to this one, and this one to it.
fn understood_both_ways<T: DeserializeOwned>(name: &str, previous: &str, now: &str) {
    let read = serde_json::from_str::<T>(previous);
    assert!(read.is_ok(), "{name} of the last release is not read any more: {:?}", read.err());
    let [previous, now] = [previous, now].map(|text| serde_json::from_str(text).unwrap());
    if let Err(missing) = holds(&now, &previous) {
        panic!("{name}: the last release expects {missing}");
    }
}

/// Whether all that was there is there, in the same shape; more does no harm.
fn holds(now: &Value, previous: &Value) -> Result<(), String> {
    match (now, previous) {
        (Value::Object(now), Value::Object(previous)) => {
            previous.iter().try_for_each(|(key, previous)| {
                let now = now.get(key).ok_or_else(|| key.clone())?;
                holds(now, previous).map_err(|missing| format!("{key}.{missing}"))
            })
        }
        (Value::Array(now), Value::Array(previous)) => {
            if now.len() < previous.len() {
                return Err(format!("{} entries", previous.len()));
            }
            now.iter().zip(previous).try_for_each(|(now, previous)| holds(now, previous))
        }
        _ if now == previous => Ok(()),
        _ => Err(format!("{previous}, not {now}")),
    }
}

#[test]
fn no_message_of_the_last_release_is_gone() {
    for entry in std::fs::read_dir(previous("x").parent().unwrap()).unwrap() {
        let name = entry.unwrap().file_name();
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(&name);
        assert!(here.exists(), "the last release still sends {}", name.display());
    }
}

#[test]
fn what_is_missing_in_a_message_is_named() {
    let previous = json!({ "user": { "id": "a", "roles": ["x", "y"] } });
    for (now, missing) in [
        (json!({ "user": { "id": "a", "roles": ["x", "y", "z"] }, "more": 1 }), None),
        (json!({ "user": { "roles": ["x", "y"] } }), Some("user.id")),
        (json!({ "user": { "id": 7, "roles": ["x", "y"] } }), Some("user.id.\"a\", not 7")),
        (json!({ "user": { "id": "a", "roles": ["x"] } }), Some("user.roles.2 entries")),
    ] {
        assert_eq!(holds(&now, &previous).err(), missing.map(str::to_owned));
    }
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
    let proofs = [
        Proof::SignUp,
        Proof::Password,
        Proof::PasswordOnTrustedDevice,
        Proof::PasswordAndTotp,
        Proof::PasswordAndEmailCode,
        Proof::PasswordAndBackupCode,
        Proof::PasskeyWithUserVerification,
        Proof::Passkey,
        Proof::PasskeyOnTrustedDevice,
        Proof::PasskeyAndTotp,
        Proof::PasskeyAndEmailCode,
        Proof::PasskeyAndBackupCode,
        Proof::PasskeyRegistration,
        Proof::Social,
        Proof::SocialWithSecondFactor,
        Proof::SocialOnTrustedDevice,
        Proof::SocialAndTotp,
        Proof::SocialAndEmailCode,
        Proof::SocialAndBackupCode,
    ];
    keeps("session.v1.create.proofs", &proofs);
    keeps("session.v1.create.reply", &Answer::Done(SessionOpened { token, session: session() }));
    let client = create.client.clone();
    keeps(Impersonate::SUBJECT, &Impersonate { user: snapshot(), from: digest(), client });
    keeps(RotateSession::SUBJECT, &RotateSession { user: snapshot(), from: digest() });
    keeps(RevokeSession::SUBJECT, &RevokeSession { digest: digest() });
    keeps(ResolveSession::SUBJECT, &ResolveSession { digest: digest() });
    keeps("session.v1.resolve.reply", &Answer::Done(Some(live())));
    keeps("session.v1.resolve.reply-none", &Answer::<Option<LiveSession>>::Done(None));
    keeps(RefreshSession::SUBJECT, &RefreshSession { digest: digest() });
    keeps(UserChanged::SUBJECT, &UserChanged { user: snapshot() });
    let reason = RevokeReason::PasswordReset;
    keeps(RevokeUser::SUBJECT, &RevokeUser { user: snapshot(), reason, keep: None });
    let keep = Some(session().id);
    keeps("session.v1.revoke-user.keep", &RevokeUser { user: snapshot(), reason, keep });
    let all = [
        RevokeReason::PasswordReset,
        RevokeReason::PasswordChanged,
        RevokeReason::UserDeleted,
        RevokeReason::PasswordSet,
        RevokeReason::SecondFactorRemoved,
        RevokeReason::SecondFactorChanged,
        RevokeReason::Banned,
        RevokeReason::UserRemoved,
        RevokeReason::MailboxProved,
    ];
    keeps("session.v1.revoke-user.reasons", &all.to_vec());
    let changed = SessionsChanged {
        revoked: vec![digest()],
        rewritten: vec![digest()],
        written_at: at("2026-11-23T23:52:45.487Z"),
    };
    keeps(SessionsChanged::SUBJECT, &changed);
    let gateway = Instance::from(Uuid::from_u128(7));
    keeps("session.v1.receipt", &revocation::Receipt { gateway: Some(gateway) });
    keeps("session.v1.receipt.own", &revocation::Receipt { gateway: None });
    keeps("gateway.v1.heartbeat", &Heartbeat { gateway, sent_millis: 1_200 });
}

#[test]
fn answers_without_a_value() {
    keeps("answer-refused", &Answer::<()>::Refused(Refusal::BannedUser));
    keeps("answer-unavailable", &Answer::<()>::Unavailable);
    keeps("answer-done", &Answer::Done(()));
}

#[test]
fn mfa_messages() {
    let client = ClientInfo { ip_address: "203.0.113.7".into(), user_agent: "curl/8".into() };
    let device = DeviceToken::parse("trust-device-abcdefghijklmnopqrstuvwxyzABCDEF").unwrap();
    let gate = |device| Gate {
        user: snapshot(),
        first: FirstProof::Password,
        device,
        lifetime: Lifetime::Short,
        client: client.clone(),
    };
    keeps(Gate::SUBJECT, &gate(Some(device.clone())));
    keeps("mfa.v1.gate.no-device", &gate(None));
    keeps("mfa.v1.gate.social", &Gate { first: FirstProof::Social, ..gate(None) });
    let challenge = ChallengeToken::parse("2fa-_BzMFiQ_OF9dpemlxbbW").unwrap();
    let owed = FactorOwed { challenge, methods: vec![Method::Totp, Method::Otp] };
    keeps("mfa.v1.gate.reply", &Answer::Done(GateAnswer::FactorOwed(owed)));
    keeps("mfa.v1.gate.reply-trusted", &Answer::Done(GateAnswer::DeviceTrusted { device }));
    let reasons =
        [ForgetReason::NewPassword, ForgetReason::SignedOutEverywhere, ForgetReason::Banned];
    keeps(ForgetDevices::SUBJECT, &ForgetDevices { user_id: user().id, reason: reasons[0] });
    keeps("mfa.v1.user.forget-devices.reasons", &reasons.to_vec());
    keeps(DeleteUser::SUBJECT, &DeleteUser { user_id: user().id });
    keeps(RemoveFactors::SUBJECT, &RemoveFactors { user_id: user().id });
}

#[test]
fn identity_messages() {
    let user_id = user().id;
    keeps(GetUser::SUBJECT, &GetUser { user_id: user_id.clone() });
    keeps("identity.v1.user.get.reply", &Answer::Done(Some(snapshot())));
    let verify = VerifyPassword { user_id: user_id.clone(), password: "correct horse".into() };
    keeps(VerifyPassword::SUBJECT, &verify);
    let change = Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001);
    keeps(
        SetTwoFactor::SUBJECT,
        &SetTwoFactor { change, user_id, enabled: true, kept: session().id },
    );
}

fn account_mails() -> [Template; 6] {
    let (name, url) = ("Ann".to_owned(), "https://panel.example.com/api/auth/x?token=x".to_owned());
    let new_email = "ann@example.org".to_owned();
    [
        Template::ResetPassword { name: name.clone(), url: url.clone() },
        Template::PasswordChanged { name: name.clone() },
        Template::ChangeEmailConfirm {
            name: name.clone(),
            new_email: new_email.clone(),
            url: url.clone(),
        },
        Template::ChangeEmailVerify { name: name.clone(), url: url.clone() },
        Template::EmailChanged { name: name.clone(), new_email },
        Template::DeleteAccount { name, url },
    ]
}

#[test]
fn events() {
    let event = PasskeyEvent {
        id: Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001),
        user_id: user().id,
        passkey_id: "iU7bNI3xnbUYekwArNzyReHRQUc2AO6D".into(),
    };
    keeps(PASSKEY_ADDED, &event);
    keeps(PASSKEY_REMOVED, &event);
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
    keeps(
        "mail.v1.send.password-recovered",
        &mail(Template::PasswordRecovered { name: "Ann".into() }),
    );
    for template in account_mails() {
        keeps(&format!("mail.v1.send.{}", template.name()), &mail(template));
    }
    let code = Template::TwoFactorCode { name: "Ann".into(), code: "012345".into() };
    keeps("mail.v1.send.two-factor-code", &mail(code));
    let change = FactorChange::TotpEnabled;
    keeps(
        "mail.v1.send.two-factor-changed",
        &mail(Template::TwoFactorChanged { name: "Ann".into(), change }),
    );
    let changes = [
        change,
        FactorChange::EmailCodesEnabled,
        FactorChange::Disabled,
        FactorChange::BackupCodesReplaced,
    ];
    keeps("mail.v1.send.two-factor-changed.changes", &changes);
    let passkey = Template::PasskeyChanged {
        name: "Ann".into(),
        passkey: "Laptop".into(),
        change: PasskeyChange::Added,
    };
    keeps("mail.v1.send.passkey-changed", &mail(passkey));
    let changes = [PasskeyChange::Added, PasskeyChange::Removed];
    keeps("mail.v1.send.passkey-changed.changes", &changes);
    keeps(
        MfaReceipt::SUBJECT,
        &MfaReceipt(Receipt { id: Uuid::from_u128(1), outcome: Outcome::Sent }),
    );
    keeps(Receipt::SUBJECT, &Receipt { id: Uuid::from_u128(1), outcome: Outcome::Sent });
}

#[test]
fn copies_in_redis() {
    let written_under = Provenance::new("run1", "replid1");
    keeps("session-copy-live", &SessionCopy::Live { written_under, live: Box::new(live()) });
    keeps("session-copy-revoked", &SessionCopy::Revoked);
    assert_eq!(session_copy::key(digest()), format!("s:1:{}", "5e".repeat(32)));
}
