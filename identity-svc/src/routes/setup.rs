//! `POST /api/setup` and `GET /api/admin/status`: the first admin (contract 16).

use auth_types::{AccountId, Email, Roles, UserId};
use axum::{Json, extract::State, response::IntoResponse};
use contract::{PanelRefusal, schema::PanelRefused, user::User};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use service_kit::{Now, PanelError, While};
use utoipa::ToSchema;

use crate::{
    app::App,
    model::{
        password::{NewPassword, Unfit},
        shared_key::is_key,
        sign_up::Profile,
    },
    routes::panel_body::PanelBody,
    store::{accounts, users},
};

const SETUP_TOKEN_HEADER: &str = "x-setup-token";

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetUpStatus {
    initialized: bool,
    has_admin: bool,
    user_count: i64,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct SetUp {
    name: String,
    email: String,
    #[schema(min_length = 8)]
    password: String,
}

#[derive(Serialize, ToSchema)]
pub struct IsSetUp {
    success: bool,
    user: FirstAdmin,
    message: &'static str,
}

#[derive(Serialize, ToSchema)]
pub struct FirstAdmin {
    #[schema(value_type = String)]
    id: UserId,
    name: String,
    #[schema(value_type = String, format = "email")]
    email: Email,
    #[schema(value_type = String)]
    role: Roles,
}

/// Says whether there is anybody yet.
#[utoipa::path(
    get, path = "/api/admin/status", tag = "set-up", operation_id = "getSetUpStatus",
    responses((status = OK, description = "How things are", body = SetUpStatus), PanelRefused)
)]
pub async fn status(State(app): State<App>) -> Result<impl IntoResponse, PanelError> {
    let census = users::census(&app.db).await?;
    let (initialized, has_admin, user_count) = (census.users > 0, census.has_admin, census.users);
    Ok(Json(SetUpStatus { initialized, has_admin, user_count }))
}

/// Makes the first user, an admin. Of any number of simultaneous callers one
/// wins: they decide one after the other, under a lock in the database.
///
/// A body that cannot be read does not hide that set-up is over, because the
/// original judges that first.
#[utoipa::path(
    post, path = "/api/setup", tag = "set-up", operation_id = "setUp",
    params(("X-Setup-Token" = Option<String>, Header, description = "`SETUP_TOKEN`, where that is set")),
    request_body = SetUp,
    responses((status = CREATED, description = "The first admin, who has no session yet", body = IsSetUp), PanelRefused)
)]
pub async fn setup(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: Result<PanelBody, PanelError>,
) -> Result<impl IntoResponse, PanelError> {
    if users::any(&app.db).await? {
        return Err(PanelRefusal::AlreadyInitialized.into());
    }
    check_token(&app, &headers)?;
    let (profile, password) = read(&body?)?;
    let mut user = profile.into_user(now, &mut rand::rng());
    user.role = Roles::admin();
    user.email_verified = true;

    create_first(&app, &user, password).await?;
    tracing::info!(target: "security", { user.id = %user.id }, "the first admin was created");
    let user = FirstAdmin { id: user.id, name: user.name, email: user.email, role: user.role };
    let body = IsSetUp { success: true, user, message: "Admin account created successfully" };
    Ok((StatusCode::CREATED, Json(body)))
}

fn check_token(app: &App, headers: &HeaderMap) -> Result<(), PanelRefusal> {
    let Some(token) = &app.setup_token else { return Ok(()) };
    let given = headers.get(SETUP_TOKEN_HEADER).and_then(|given| given.to_str().ok());
    if given.is_some_and(|given| is_key(given, token)) {
        Ok(())
    } else {
        Err(PanelRefusal::InvalidSetupToken)
    }
}

fn read(body: &PanelBody) -> Result<(Profile, NewPassword), PanelRefusal> {
    let (Some(name), Some(email), Some(password)) =
        (body.filled("name"), body.filled("email"), body.filled("password"))
    else {
        return Err(PanelRefusal::SetupFieldsMissing);
    };
    let password = NewPassword::check(password).map_err(unfit)?;
    let email = Email::parse(&email).map_err(|_| PanelRefusal::InvalidEmail)?;
    if name.contains('\0') {
        return Err(PanelRefusal::SetupFieldsMissing);
    }
    Ok((Profile { name, email, image: None }, password))
}

/// The words StellarStack's own routes have for a password that may not be set.
pub(crate) fn unfit(unfit: Unfit) -> PanelRefusal {
    match unfit {
        Unfit::TooShort => PanelRefusal::PasswordTooShort,
        Unfit::TooLong => PanelRefusal::PasswordTooLong,
        Unfit::HasNul => PanelRefusal::PasswordHasNul,
    }
}

async fn create_first(app: &App, user: &User, password: NewPassword) -> Result<(), PanelError> {
    let _turn = app.setup_queue.lock().await;
    let mut tx = app.db.begin().await.doing("starting the set-up")?;
    users::lock_setup(&mut *tx).await?;
    if users::any(&mut *tx).await? {
        return Err(PanelRefusal::AlreadyInitialized.into());
    }
    // Hashing under the lock costs its holder a moment, and everybody else a wait
    // for an answer that will be no; hashing before it would cost every caller.
    let hash = app.passwords.hash(password).await?;
    users::insert(&mut *tx, user).await?.ok_or(PanelRefusal::AlreadyInitialized)?;
    let account = AccountId::mint(&mut rand::rng());
    accounts::set_password(&mut *tx, &account, &user.id, &hash, user.created_at).await?;
    tx.commit().await.doing("committing the set-up")?;
    Ok(())
}
