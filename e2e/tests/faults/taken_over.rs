//! Passkeys and authenticator apps of a Better Auth database (docs/migrating.md), in rows
//! as the original writes them (contract 6.8, 7.3, 10).

use base64::{Engine, prelude::BASE64_STANDARD};
use e2e::{Algorithm, Answer, Authenticator, Browser, How, PASSWORD, Passkey, Stores, own_stack};
use serde_json::{Value, json};
use sqlx::PgPool;
use stack::Urls;

/// The secret of the contract's vectors, and the vectors.
const SECRET: &str = "contract-test-secret-0123456789-abcdefghij";
const TOTP: &str = "000102030405060708090a0b0c0d0e0f1011121314151617b4f096ddbdb5dd6fffb52f913fd7738c4fb0ac85cee30a52e1139e8a13ee09133b6b757fed2fb901c013db4648d29e66";
const CODES: &str = "000102030405060708090a0b0c0d0e0f1011121314151617a6eac2e6afb5cb37ca9405b658a726de4fbf87bdc09c1f67f212beee0659ac1f0c8f10e2cfecf397dae75f5770";
const URI: &str = "otpauth://totp/StellarStack:ann%40example.com?secret=JE4DKWLRMRZXK43GMJXC2UTZOBVWGRSWMFJEKZCBKJ2EMSCIGV2A&issuer=StellarStack&digits=6&period=30";

const TABLES: &str = r#"
CREATE TABLE public.passkey (
    id text PRIMARY KEY, name text, "publicKey" text NOT NULL, "userId" text NOT NULL,
    "credentialID" text NOT NULL, counter integer NOT NULL, "deviceType" text NOT NULL,
    "backedUp" boolean NOT NULL, transports text, "createdAt" timestamptz, aaguid text);
CREATE TABLE public."twoFactor" (
    id text PRIMARY KEY, secret text NOT NULL, "backupCodes" text NOT NULL,
    "userId" text NOT NULL, verified boolean, "failedVerificationCount" integer,
    "lockedUntil" timestamptz);
"#;

async fn take_over(db: &PgPool) {
    let import = include_str!("../../../mfa-svc/import/better-auth.sql");
    sqlx::raw_sql(import).execute(db).await.expect("the import runs");
}

/// As the original stores a credential.
async fn write_passkey(db: &PgPool, id: &str, user: &str, passkey: &Passkey, row: Value) {
    sqlx::query(
        r#"INSERT INTO public.passkey (id, name, "publicKey", "userId", "credentialID", counter,
                                       "deviceType", "backedUp", transports, "createdAt", aaguid)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::timestamptz, $11)"#,
    )
    .bind(id)
    .bind(row["name"].as_str())
    .bind(BASE64_STANDARD.encode(passkey.public_key()))
    .bind(user)
    .bind(passkey.name())
    .bind(i32::try_from(passkey.counter).expect("small"))
    .bind(row["deviceType"].as_str())
    .bind(row["backedUp"].as_bool())
    .bind(row["transports"].as_str())
    .bind(row["createdAt"].as_str())
    .bind(row["aaguid"].as_str())
    .execute(db)
    .await
    .expect("a row of the original");
}

async fn signs_in(urls: &Urls, passkey: &mut Passkey, how: &How) -> Answer {
    let mut browser = Browser::new(urls);
    let options = browser.get("/api/auth/passkey/generate-authenticate-options").await.expect(200);
    let body = json!({ "response": passkey.assert(&options.json(), how) });
    browser.post("/api/auth/passkey/verify-authentication", &body).await
}

#[tokio::test]
async fn passkeys_go_on_working() {
    let (stack, _dir) = own_stack(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    let (urls, stores) = (stack.urls(), Stores::open(stack.urls()).await);
    let mut user = Browser::new(urls).sign_up().await;
    let other = Browser::new(urls).sign_up().await;
    sqlx::raw_sql(TABLES).execute(&stores.db).await.expect("tables");
    let full = json!({
        "name": "Phone", "deviceType": "multiDevice", "backedUp": true,
        "transports": "internal,hybrid", "createdAt": "2026-01-02T03:04:05.678Z",
        "aaguid": "fbfc3007-154e-4ecc-8c0b-6e020557d7bd",
    });
    let sparse = json!({ "deviceType": "singleDevice", "backedUp": false });
    let mut phone = Passkey::new(Algorithm::Es256);
    let mut key = Passkey::new(Algorithm::EdDsa);
    // The original makes up another handle at each registration, and keeps none.
    (phone.user_handle, key.user_handle) = (b"anything".to_vec(), b"something else".to_vec());
    key.counter = 41;
    write_passkey(&stores.db, "phone", &user.id, &phone, full.clone()).await;
    write_passkey(&stores.db, "key", &user.id, &key, sparse).await;
    let mut younger = full.clone();
    younger["createdAt"] = "2026-02-02T03:04:05.678Z".into();
    write_passkey(&stores.db, "copy", &other.id, &phone, younger).await;
    take_over(&stores.db).await;

    let synced = How { backup_eligible: true, backed_up: true, ..How::on(&urls.frontend_url) };
    for (passkey, how) in [(&mut phone, &synced), (&mut key, &How::on(&urls.frontend_url))] {
        let answer = signs_in(urls, passkey, how).await.expect(200);
        assert_eq!(answer.json()["user"]["id"], user.id);
    }
    let replayed = key.counter - 1;
    key.counter = replayed;
    signs_in(urls, &mut key, &How::on(&urls.frontend_url))
        .await
        .expect_code(400, "AUTHENTICATION_FAILED");

    take_over(&stores.db).await;
    let path = "/api/auth/passkey/list-user-passkeys";
    let listed = user.browser.get(path).await.expect(200).json();
    let row = |passkey: &Passkey, row: &Value| {
        json!({
            "id": row["id"], "name": row["name"], "userId": user.id,
            "publicKey": BASE64_STANDARD.encode(passkey.public_key()),
            "credentialID": passkey.name(), "counter": passkey.counter,
            "deviceType": row["deviceType"], "backedUp": row["backedUp"],
            "transports": row["transports"], "createdAt": row["createdAt"],
            "aaguid": row["aaguid"],
        })
    };
    let mut full = full;
    full["id"] = "phone".into();
    let sparse = json!({ "id": "key", "deviceType": "singleDevice", "backedUp": false });
    assert_eq!(listed, json!([row(&key, &sparse), row(&phone, &full)]));

    // In a browser that is signed in, they are named to it.
    let path = "/api/auth/passkey/generate-authenticate-options";
    let options = user.browser.get(path).await.expect(200).json();
    let allowed = json!([
        { "id": key.name(), "type": "public-key" },
        { "id": phone.name(), "transports": ["internal", "hybrid"], "type": "public-key" },
    ]);
    assert_eq!(options["allowCredentials"], allowed);
}

#[tokio::test]
async fn authenticator_apps_and_backup_codes_go_on_working() {
    let (stack, _dir) = own_stack(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    let (urls, stores) = (stack.urls(), Stores::open(stack.urls()).await);
    let user = Browser::new(urls).sign_up().await;
    let unfinished = Browser::new(urls).sign_up().await;
    sqlx::raw_sql(TABLES).execute(&stores.db).await.expect("tables");
    for (id, owner, verified) in [("a", &user.id, None), ("b", &unfinished.id, Some(false))] {
        sqlx::query(
            r#"INSERT INTO public."twoFactor" (id, secret, "backupCodes", "userId", verified)
               VALUES ($1, $2, $3, $4, $5)"#,
        )
        .bind(id)
        .bind(TOTP)
        .bind(CODES)
        .bind(owner)
        .bind(verified)
        .execute(&stores.db)
        .await
        .expect("a row of the original");
    }
    take_over(&stores.db).await;
    // As identity-svc's import has it.
    sqlx::query(
        "UPDATE identity.user SET two_factor_enabled = true, version = version + 1 WHERE id = $1",
    )
    .bind(&user.id)
    .execute(&stores.db)
    .await
    .expect("enabled");
    let app = Authenticator::scan(&json!({ "totpURI": URI, "backupCodes": [] }));
    let stored = async || -> (String, Option<String>) {
        sqlx::query_as(
            "SELECT key_id, imported_backup_codes FROM mfa.two_factor WHERE user_id = $1",
        )
        .bind(&user.id)
        .fetch_one(&stores.db)
        .await
        .expect("an app")
    };
    assert_eq!(stored().await, ("better-auth".to_owned(), Some(CODES.to_owned())));

    let give = async |route: &str, code: &str| {
        let mut browser = Browser::new(urls);
        let answer = browser.sign_in(&user.email, PASSWORD).await.expect(200);
        assert_eq!(answer.json()["twoFactorMethods"], json!(["totp", "otp"]), "{answer:?}");
        browser.post(&format!("/api/auth/two-factor/{route}"), &json!({ "code": code })).await
    };
    give("verify-totp", &app.wrong_code()).await.expect_code(401, "INVALID_CODE");
    give("verify-totp", &app.code()).await.expect(200);
    // From now on it is sealed as our own are.
    let (key_id, codes) = stored().await;
    assert!(key_id != "better-auth" && codes.is_some(), "{key_id}");
    give("verify-totp", &app.code()).await.expect_code(401, "INVALID_CODE");
    stores.let_codes_pass(&user.id).await;
    give("verify-totp", &app.code()).await.expect(200);

    give("verify-backup-code", "xxxxx-xxxxx").await.expect_code(401, "INVALID_BACKUP_CODE");
    assert_eq!(stored().await.1, None, "the codes are still in the original's encryption");
    give("verify-backup-code", "abcde-FGHIJ").await.expect(200);
    give("verify-backup-code", "abcde-FGHIJ").await.expect_code(401, "INVALID_BACKUP_CODE");
    take_over(&stores.db).await;
    give("verify-backup-code", "abcde-FGHIJ").await.expect_code(401, "INVALID_BACKUP_CODE");
    give("verify-backup-code", "klmno-PQRST").await.expect(200);

    let mut browser = Browser::new(urls);
    let answer = browser.sign_in(&unfinished.email, PASSWORD).await.expect(200);
    assert!(answer.json()["token"].is_string(), "an unfinished enrolment was taken over");
}
