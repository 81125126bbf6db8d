//! `POST /api/auth/admin/create-user` (contract 5.3.1)

use auth_types::Timestamp;
use axum::{Json, extract::State, response::IntoResponse};
use contract::{permission::Permission, schema::AdminRefused, user::User};
use http::HeaderMap;
use service_kit::{AdminCaller, Answered, Error, Now, body::JsonBody};
use utoipa::ToSchema;

use crate::{
    admin::{self, ADDRESS_TAKEN},
    app::App,
    model::{
        password::NewPassword,
        sign_up::Profile,
        user_change::{self, Change},
    },
    routes::{
        admin::{GivenRoles, TheUser, data},
        sign_up::unfit,
    },
    store::users,
};

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct CreateUser {
    #[schema(format = "email")]
    email: String,
    name: String,
    /// Without one they cannot sign in with a password.
    #[schema(nullable = false, min_length = 8)]
    password: Option<String>,
    #[schema(nullable = false)]
    role: Option<GivenRoles>,
    /// More of the user's fields, as for `update-user`.
    #[schema(nullable = false, value_type = Option<Object>)]
    data: Option<()>,
}

/// What the body says, as far as its types are right.
struct NewUser {
    name: String,
    email: String,
    password: Option<String>,
    changes: Result<Vec<Change>, Error>,
}

/// Makes a user.
///
/// Sends no mail and opens no session.
#[utoipa::path(
    post, path = "/api/auth/admin/create-user", tag = "admin", operation_id = "createUser",
    request_body = CreateUser,
    responses((status = OK, description = "The user", body = TheUser), AdminRefused)
)]
pub async fn create_user(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let asked = read(body)?;
    let caller = app.admin(&headers, now, Permission::CreateUser).await?;
    let created = create(&app, &caller, asked, now).await;
    caller.answer(created.map(|user| Json(TheUser { user })))
}

fn read(body: JsonBody) -> Result<NewUser, Error> {
    let fields = body.fields()?;
    let email = fields.string("email");
    let password = fields.optional_string("password");
    let name = fields.string("name");
    let role = data::role(&fields);
    let data = fields.optional_record("data");
    fields.finish()?;
    let data = data::fields(data.flatten().unwrap_or_default());
    let role = role.or_else(|| data.raw("role").map(data::roles));
    // A name in there would be a second one.
    let plain = data::plain(&data).into_iter().filter(|change| !matches!(change, Change::Name(_)));
    let changes = match role {
        Some(Err(refusal)) => Err(refusal.into()),
        Some(Ok(role)) => Ok([Change::Role(role)].into_iter().chain(plain).collect()),
        None => Ok(plain.collect()),
    };
    data.finish()?;
    let password = password.flatten().filter(|password| !password.is_empty());
    Ok(NewUser {
        name: name.unwrap_or_default(),
        email: email.unwrap_or_default(),
        password,
        changes,
    })
}

async fn create(
    app: &App,
    caller: &AdminCaller,
    asked: NewUser,
    now: Timestamp,
) -> Result<User, Error> {
    let changes = asked.changes?;
    changes.iter().filter_map(needed).try_for_each(|permission| caller.require(permission))?;
    let email = data::email(&asked.email.into())?;
    let password = asked.password.map(NewPassword::check).transpose().map_err(unfit)?;
    if users::find_by_email(&app.db, &email).await?.is_some() {
        return Err(ADDRESS_TAKEN);
    }
    let hash = match password {
        Some(password) => Some(app.passwords.hash(password).await?),
        None => None,
    };
    let profile = Profile { name: asked.name, email, image: None };
    let user = user_change::with(profile.into_user(now, &mut rand::rng()), changes);
    admin::create(app, caller, user, hash.as_ref()).await
}

/// A new user's address is proved or not by whoever creates them.
fn needed(change: &Change) -> Option<Permission> {
    change.permission().filter(|permission| *permission != Permission::SetEmail)
}
