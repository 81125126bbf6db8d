//! MF1: every way in, tried by a user with a second factor.
//!
//! The routes are read from the services' sources, so one that is added without saying
//! here whether it signs anybody in fails the test.

use std::{collections::BTreeSet, path::Path};

use e2e::{Browser, PASSWORD};
use serde_json::{Value, json};

use super::Scene;

/// What a route may do for somebody who has given the password and no more.
enum Way {
    /// It may open a session; so it is tried with this body.
    In(Value),
    /// It wants a session, or another proof that has nothing to do with a password.
    No,
}

fn way(path: &str, scene: &Scene) -> Option<Way> {
    let (email, password) = (&scene.user.email, PASSWORD);
    Some(match path {
        "sign-in/email" => Way::In(json!({ "email": email, "password": password })),
        "sign-up/email" => Way::In(json!({ "name": "Ann", "email": email, "password": password })),
        "two-factor/verify-totp" | "two-factor/verify-otp" | "two-factor/verify-backup-code" => {
            Way::In(json!({ "code": "123456" }))
        }
        "two-factor/enable" => Way::In(json!({ "password": password, "method": "otp" })),
        "two-factor/disable" | "two-factor/generate-backup-codes" | "verify-password" => {
            Way::In(json!({ "password": password }))
        }
        "change-password" => {
            Way::In(json!({ "currentPassword": password, "newPassword": "another horse" }))
        }
        "reset-password" => Way::In(json!({ "token": "x", "newPassword": "another horse" })),
        "request-password-reset" | "send-verification-email" => Way::In(json!({ "email": email })),
        "admin/stop-impersonating" => Way::In(json!({})),
        // Without a passkey here; with one in `passkeys/second_factor.rs`.
        "passkey/verify-authentication" | "passkey/verify-registration" => {
            Way::In(json!({ "response": {}, "createSession": true }))
        }
        "ok"
        | "error"
        | "get-session"
        | "sign-out"
        | "list-sessions"
        | "revoke-session"
        | "revoke-sessions"
        | "revoke-other-sessions"
        | "update-session"
        | "verify-email"
        | "reset-password/{token}"
        | "change-email"
        | "update-user"
        | "delete-user"
        | "delete-user/callback"
        | "list-accounts"
        | "unlink-account"
        | "get-access-token"
        | "refresh-token"
        | "account-info"
        | "reference"
        | "two-factor/get-totp-uri"
        | "two-factor/qr-code"
        | "two-factor/send-otp"
        | "two-factor/list-trusted-devices"
        | "two-factor/revoke-trusted-device"
        | "passkey/generate-register-options"
        | "passkey/generate-authenticate-options"
        | "passkey/list-user-passkeys"
        | "passkey/update-passkey"
        | "passkey/delete-passkey"
        | "open-api/generate-schema"
        // Tried by whom a provider vouches for: `social/two_factor.rs`.
        | "sign-in/social"
        | "callback/{id}"
        | "link-social" => Way::No,
        _ if path.starts_with("admin/") => Way::No,
        _ => return None,
    })
}

/// Every `/api/auth/…` that stands in the sources of a service.
fn routes() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut routes = BTreeSet::new();
    for service in ["identity-svc", "session-svc", "mfa-svc"] {
        collect(&root.join(service).join("src"), &mut routes);
    }
    assert!(routes.len() > 20, "{routes:?}");
    routes
}

fn collect(dir: &Path, routes: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).expect("sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, routes);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path).expect("text");
            let named =
                source.split("\"/api/auth/").skip(1).filter_map(|rest| rest.split('"').next());
            routes.extend(named.filter(|path| !path.contains(['?', ' '])).map(str::to_owned));
        }
    }
}

#[tokio::test]
async fn no_way_in_leads_past_the_second_factor() {
    let (scene, _app) = Scene::enrolled().await;
    let routes = routes();
    let unknown: Vec<_> = routes.iter().filter(|path| way(path, &scene).is_none()).collect();
    assert!(unknown.is_empty(), "say in this file whether these sign anybody in: {unknown:?}");
    for path in &routes {
        let Some(Way::In(body)) = way(path, &scene) else { continue };
        for mut browser in [Browser::new(&scene.urls), scene.half_way().await] {
            let answer = browser.post(&format!("/api/auth/{path}"), &body).await;
            assert!(!browser.is_signed_in().await, "{path} let somebody in: {answer:?}");
            assert!(
                answer.status >= 400 || !answer.body.contains("\"token\":\""),
                "{path}: {answer:?}"
            );
        }
    }
}
