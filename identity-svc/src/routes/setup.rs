//! `POST /api/setup` and `GET /api/admin/status`: the first admin (contract 16).

use auth_types::{AccountId, Email, Roles};
use axum::{Json, extract::State, response::IntoResponse};
use contract::{PanelRefusal, user::User};
use http::{HeaderMap, StatusCode};
use serde_json::json;
use service_kit::{Now, PanelError, While};

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

pub async fn status(State(app): State<App>) -> Result<impl IntoResponse, PanelError> {
    let census = users::census(&app.db).await?;
    Ok(Json(json!({
        "initialized": census.users > 0,
        "hasAdmin": census.has_admin,
        "userCount": census.users,
    })))
}

/// Makes the first user, an admin. Of any number of simultaneous callers one
/// wins: they decide one after the other, under a lock in the database.
///
/// A body that cannot be read does not hide that set-up is over, because the
/// original judges that first.
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
    Ok((
        StatusCode::CREATED,
        Json(json!({
            "success": true,
            "user": { "id": user.id, "name": user.name, "email": user.email, "role": user.role },
            "message": "Admin account created successfully",
        })),
    ))
}

fn check_token(app: &App, headers: &HeaderMap) -> Result<(), PanelRefusal> {
    let Some(token) = &app.setup_token else { return Ok(()) };
    let given = headers.get(SETUP_TOKEN_HEADER).and_then(|given| given.to_str().ok());
    if given.is_some_and(|given| is_key(given, token)) { Ok(()) } else { Err(PanelRefusal::InvalidSetupToken) }
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
