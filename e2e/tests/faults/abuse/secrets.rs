//! Root secrets: those that somebody could think of (JW5), and changing them (JW4).

use std::process::Command;

use e2e::{Browser, text};
use serde_json::Value;
use stack::{Options, Stack};
use tempfile::TempDir;

const OLD: &str = "1:an-older-secret-of-good-length-0123456789";
const NEW: &str = "2:the-newest-secret-of-good-length-98765432";

#[test]
fn no_service_starts_in_production_under_a_secret_that_somebody_could_think_of() {
    let bin_dir = Options::new("unused").bin_dir;
    let repeated = ["a", "0", "ab", "1234567", "secret"].map(|piece| piece.repeat(40));
    let secrets = [
        "",
        "short",
        "exactly-31-bytes-are-not-enough",
        "change-me-change-me-change-me-change-me",
        "CHANGEME-0123456789-abcdefghijklmnop",
        "your-secret-key-at-least-32-characters-long",
        "better-auth-secret-123456789012345678",
        "example-secret-for-the-documentation-only",
        "1:short",
        "2:,1:an-older-secret-of-good-length-0123456789",
        "2:the-newest-secret-of-good-length-98765432,short",
        "2:the-newest-secret-of-good-length-98765432,1:change-me-change-me-change-me-change-me",
    ];
    let weak = secrets.into_iter().map(str::to_owned).chain(repeated);
    for program in ["gateway", "identity-svc", "session-svc", "mfa-svc"] {
        let complaint = |secret: &str| {
            let mut command = Command::new(bin_dir.join(program));
            command.env_clear().env("NODE_ENV", "production").env("BETTER_AUTH_SECRET", secret);
            // Nothing else is set, so that it does not start with a good one either.
            let output = command.output().expect("it runs");
            assert!(!output.status.success(), "{program} started under {secret:?}");
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
        };
        for secret in weak.clone() {
            let complaint = complaint(&secret);
            assert!(complaint.contains("BETTER_AUTH_SECRET"), "{program} {secret:?}: {complaint}");
            let told = secret.len() > 8 && complaint.contains(&secret);
            assert!(!told, "{program} tells its secret: {complaint}");
        }
        let fine = complaint(NEW);
        assert!(!fine.contains("BETTER_AUTH_SECRET"), "{program}: {fine}");
    }
}

async fn under(secrets: &str, dir: &TempDir) -> Stack {
    let env = vec![("BETTER_AUTH_SECRET".to_owned(), secrets.to_owned())];
    let options = Options { quiet: true, env, ..Options::new(dir.path()) };
    Stack::start(options).await.unwrap_or_else(|error| panic!("the stack: {error:#}"))
}

async fn key_ids(browser: &mut Browser) -> Vec<String> {
    let set = browser.get("/.well-known/jwks.json").await.expect(200).json();
    let keys = set["keys"].as_array().expect("a list").iter();
    keys.map(|key| text(&key["kid"]).to_owned()).collect()
}

fn key_of(assertion: &str) -> String {
    let header = jsonwebtoken::decode_header(assertion).expect("a header");
    header.kid.expect("a token names its key")
}

async fn assertion(browser: &mut Browser) -> String {
    let seen: Value = browser.get("/api/request").await.expect(200).json();
    text(&seen["headers"]["x-identity-token"][0]).to_owned()
}

/// The old secret, then both, then the new one: nobody is signed out on the way, and
/// in the end what the old one signed is worth nothing.
#[tokio::test]
async fn a_secret_is_changed_without_signing_anybody_out_and_then_is_worth_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let stack = under(OLD, &dir).await;
    let mut early = Browser::new(stack.urls()).sign_up().await;
    let old_keys = key_ids(&mut early.browser).await;
    let old_assertion = assertion(&mut early.browser).await;
    assert!(old_keys.contains(&key_of(&old_assertion)));
    stack.shutdown().await;

    let stack = under(&format!("{NEW},{OLD}"), &dir).await;
    let moved = |browser: &Browser| {
        let mut moved = Browser::new(stack.urls());
        moved.cookies.clone_from(&browser.cookies);
        moved
    };
    let mut early_now = moved(&early.browser);
    assert!(early_now.is_signed_in().await, "the overlap signs nobody out");
    let late = Browser::new(stack.urls()).sign_up().await;
    let keys = key_ids(&mut early_now).await;
    assert!(old_keys.iter().all(|key| keys.contains(key)), "{keys:?}");
    assert_eq!(keys.len(), 2 * old_keys.len());
    let new_assertion = assertion(&mut early_now).await;
    assert!(!old_keys.contains(&key_of(&new_assertion)), "the newest signs");
    stack.shutdown().await;

    let stack = under(NEW, &dir).await;
    let moved = |browser: &Browser| {
        let mut moved = Browser::new(stack.urls());
        moved.cookies.clone_from(&browser.cookies);
        moved
    };
    assert!(!moved(&early.browser).is_signed_in().await, "the retired secret signed it");
    let mut late = moved(&late.browser);
    assert!(late.is_signed_in().await);
    let keys = key_ids(&mut late).await;
    assert!(old_keys.iter().all(|key| !keys.contains(key)), "{keys:?}");
    stack.shutdown().await;
}
