//! `GET /api/auth/passkey/generate-register-options`, `POST …/verify-registration`
//! (contract 7.2, 7.3)

use auth_types::{CeremonyToken, Timestamp};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use contract::{
    Refusal,
    mail::PasskeyChange,
    schema::Refused,
    session::{ClientInfo, Lifetime, SessionOpened, SessionView},
    user::{User, UserSnapshot},
};
use http::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use service_kit::{
    Answered, Client, Current, Error, Now, Query, While, WithCookies, body::JsonBody,
    fields::Fields,
};
use utoipa::{IntoParams, ToSchema};
use webauthn_rs_core::proto::RegistrationState;

use crate::{
    app::App,
    metrics::{Ceremony, Outcome},
    model::{
        passkey::{self, Passkey, PasskeyView},
        sign_in::Authenticated,
        webauthn::{key::ALGORITHMS, relying_party, user_handle::UserHandle},
    },
    passkey_changes::Changed,
    routes::passkey::{CredentialDescriptor, consume, timeout_millis},
    sign_ins,
    store::{
        ceremonies::{self, Kind},
        passkeys::{self, NotInserted},
    },
};

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Attachment {
    Platform,
    CrossPlatform,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described; the keys are read one by one")]
pub struct RegisterQuery {
    /// Which authenticators may be offered; any without it.
    #[param(rename = "authenticatorAttachment", nullable = false)]
    authenticator_attachment: Option<Attachment>,
    /// What the authenticator is to call the account; the address without it.
    #[param(nullable = false)]
    name: Option<String>,
    /// Taken, and used for nothing.
    #[param(nullable = false)]
    context: Option<String>,
}

/// Options of a registration (WebAuthn 3, 5.4), for `navigator.credentials.create()`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegisterOptions {
    challenge: String,
    rp: RelyingPartyEntity,
    user: UserEntity,
    pub_key_cred_params: Vec<CredentialParameters>,
    timeout: u64,
    attestation: &'static str,
    exclude_credentials: Vec<CredentialDescriptor>,
    authenticator_selection: AuthenticatorSelection,
    extensions: Extensions,
    hints: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RelyingPartyEntity {
    name: &'static str,
    id: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserEntity {
    /// The user handle: the same at every registration of the user.
    id: String,
    name: String,
    display_name: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CredentialParameters {
    /// A COSE algorithm.
    alg: i64,
    r#type: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticatorSelection {
    resident_key: &'static str,
    user_verification: &'static str,
    require_resident_key: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    authenticator_attachment: Option<Attachment>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Extensions {
    cred_props: bool,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct VerifyRegistration {
    /// `RegistrationResponseJSON` (WebAuthn 3, 5.1).
    #[schema(value_type = Object)]
    response: Value,
    #[schema(nullable = false)]
    name: Option<String>,
    /// Whether a new session is to begin.
    #[schema(nullable = false)]
    create_session: Option<bool>,
}

/// The passkey; with `createSession`, the new session too.
#[derive(Serialize, ToSchema)]
pub struct Registered<'a> {
    #[serde(flatten)]
    passkey: PasskeyView,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    session: Option<SessionView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    user: Option<&'a User>,
}

struct Asked {
    attachment: Option<Attachment>,
    name: Option<String>,
}

/// Begins the registration of a passkey, in a session younger than a day.
#[utoipa::path(
    get, path = "/api/auth/passkey/generate-register-options", tag = "passkey",
    operation_id = "generatePasskeyRegistrationOptions",
    params(RegisterQuery),
    responses((status = OK, description = "Options for the browser", body = RegisterOptions), Refused)
)]
pub async fn generate_register_options(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    Query(query): Query,
) -> Answered<Json<RegisterOptions>> {
    let asked = read_query(query)?;
    let current = app.fresh_session(&headers, now).await?;
    match begin(&app, &current.live.user, asked, now).await {
        Ok((ceremony, options)) => {
            let mut cookies = current.cookies;
            cookies.push(app.deployment.cookies.start_ceremony(&ceremony));
            Ok(WithCookies(cookies, Json(options)))
        }
        Err(error) => Err(WithCookies(current.cookies, error)),
    }
}

fn read_query(fields: Fields) -> Result<Asked, Error> {
    let attachments =
        [("platform", Attachment::Platform), ("cross-platform", Attachment::CrossPlatform)];
    let attachment = fields.optional_choice("authenticatorAttachment", &attachments);
    let name = passkey::optional_name(&fields, "name");
    let context = fields.optional_string("context");
    fields.finish()?;
    drop(context);
    Ok(Asked { attachment: attachment.flatten(), name: name.flatten() })
}

async fn begin(
    app: &App,
    user: &User,
    asked: Asked,
    now: Timestamp,
) -> Result<(CeremonyToken, RegisterOptions), Error> {
    let known = passkeys::list(&app.db, &user.id).await?;
    if i64::try_from(known.len()).unwrap_or(i64::MAX) >= passkey::MAX {
        return Err(Refusal::TooManyPasskeys.into());
    }
    let ids = known.iter().map(|passkey| passkey.credential_id.clone()).collect();
    let handle = UserHandle::of(&user.id);
    let begun = app.relying_party.begin_registration(&handle, ids);
    let begun = begun.doing("beginning a registration")?;
    let token = CeremonyToken::generate(&mut rand::rng());
    let kind = Kind::Registration;
    ceremonies::insert(&app.db, &token, kind, Some(&user.id), &begun.state, now).await?;
    let options = RegisterOptions {
        challenge: BASE64_URL_SAFE_NO_PAD.encode(begun.challenge),
        rp: RelyingPartyEntity { name: relying_party::NAME, id: app.relying_party.id().to_owned() },
        user: UserEntity {
            id: BASE64_URL_SAFE_NO_PAD.encode(handle.as_bytes()),
            name: asked.name.unwrap_or_else(|| user.email.to_string()),
            display_name: user.email.to_string(),
        },
        pub_key_cred_params: ALGORITHMS
            .map(|alg| CredentialParameters { alg: alg as i64, r#type: "public-key" })
            .into(),
        timeout: timeout_millis(),
        attestation: "none",
        exclude_credentials: known.iter().map(CredentialDescriptor::of).collect(),
        authenticator_selection: AuthenticatorSelection {
            resident_key: "preferred",
            user_verification: "preferred",
            require_resident_key: false,
            authenticator_attachment: asked.attachment,
        },
        extensions: Extensions { cred_props: true },
        hints: Vec::new(),
    };
    Ok((token, options))
}

struct Given {
    response: Value,
    name: Option<String>,
    create_session: bool,
}

/// Completes the registration of a passkey. The user's other sessions end.
#[utoipa::path(
    post, path = "/api/auth/passkey/verify-registration", tag = "passkey",
    operation_id = "verifyPasskeyRegistration",
    request_body = VerifyRegistration,
    responses((status = OK, description = "The passkey is the caller's", body = Registered), Refused)
)]
pub async fn verify_registration(
    State(app): State<App>,
    Now(now): Now,
    Client(client): Client,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<Response> {
    let given = read(body)?;
    let current = app.fresh_session(&headers, now).await?;
    let create_session = given.create_session;
    let outcome = register(&app, &current, given, &headers, now).await;
    app.metrics.ceremony(Ceremony::Registration, Outcome::of(&outcome));
    let passkey = match outcome {
        Ok(passkey) => passkey,
        Err(error) => return Err(WithCookies(current.cookies, error)),
    };
    if !create_session {
        let registered = Registered { passkey: passkey.view(), session: None, user: None };
        return current.answer(Ok(Json(registered).into_response()));
    }
    match open(&app, &current, client).await {
        Ok(opened) => {
            let cookies = &app.deployment.cookies;
            let had = cookies.dont_remember(&headers);
            let registered = Registered {
                passkey: passkey.view(),
                session: Some(opened.session.view(opened.token.expose())),
                user: Some(&current.live.user),
            };
            let answer = Json(registered).into_response();
            Ok(WithCookies(cookies.set_session(&opened.token, had, had), answer))
        }
        Err(error) => Err(WithCookies(current.cookies, error)),
    }
}

fn read(body: JsonBody) -> Result<Given, Error> {
    let fields = body.fields()?;
    // Whatever it is: what is no response fails the ceremony, and not before.
    let response = fields.raw("response").cloned().unwrap_or_default();
    let name = passkey::optional_name(&fields, "name");
    let create_session = fields.bool_or("createSession", false);
    fields.finish()?;
    Ok(Given { response, name: name.flatten(), create_session: create_session == Some(true) })
}

async fn register(
    app: &App,
    current: &Current,
    given: Given,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Passkey, Error> {
    let user = &current.live.user.id;
    let ceremony = consume::<RegistrationState>(app, headers, Kind::Registration, now).await?;
    if ceremony.user.as_ref() != Some(user) {
        return Err(Refusal::NotYourRegistration.into());
    }
    let new = match app.relying_party.finish_registration(&given.response, &ceremony.state) {
        Ok(new) => new,
        Err(reason) => {
            tracing::info!(target: "security", { user.id = %user, %reason }, "a registration was refused");
            return Err(Refusal::FailedToVerifyRegistration.into());
        }
    };
    let passkey = Passkey::new(user, given.name, new, now, &mut rand::rng());

    let mut tx = app.db.begin().await.doing("starting to store a passkey")?;
    match passkeys::insert(&mut tx, &passkey).await? {
        Ok(()) => {}
        Err(NotInserted::Taken) => return Err(Refusal::FailedToVerifyRegistration.into()),
        Err(NotInserted::TooMany) => return Err(Refusal::TooManyPasskeys.into()),
    }
    let named = (passkey.id.as_str(), passkey.name.as_deref());
    let changed = Changed::make(&mut tx, current, named, PasskeyChange::Added).await?;
    tx.commit().await.doing("storing a passkey")?;
    changed.keep(app).await?;
    Ok(passkey)
}

async fn open(app: &App, current: &Current, client: ClientInfo) -> Result<SessionOpened, Error> {
    let (version, user) = (current.live.version.user, current.live.user.clone());
    let authenticated = Authenticated::by_registration(UserSnapshot { version, user });
    Ok(sign_ins::open(app, authenticated, Lifetime::Standard, client).await?)
}
