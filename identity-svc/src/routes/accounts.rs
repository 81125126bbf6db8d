//! A user's ways in: `GET /api/auth/list-accounts`, `POST /api/auth/unlink-account`
//! (contract 4.16, 4.17)

use auth_types::UserId;
use axum::{Json, extract::State, response::IntoResponse};
use contract::schema::{Refused, Status};
use http::HeaderMap;
use service_kit::{Answered, Error, Now, While, body::JsonBody};
use utoipa::ToSchema;

use crate::{
    app::App,
    model::account::{Account, check_unlink},
    store::{accounts, users},
};

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct UnlinkAccount {
    /// The account's `id` in `list-accounts`.
    account_id: String,
    /// Not looked at: the id says all.
    #[schema(nullable = false)]
    provider_id: Option<String>,
}

/// The caller's ways in.
#[utoipa::path(
    get, path = "/api/auth/list-accounts", tag = "account", operation_id = "listAccounts",
    responses((status = OK, description = "All of them", body = Vec<Account>), Refused)
)]
pub async fn list_accounts(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
) -> Answered<impl IntoResponse> {
    let current = app.current(&headers, now).await?;
    let accounts = accounts::find_of_user(&app.db, &current.live.user.id).await;
    current.answer(accounts.map(Json).map_err(Error::from))
}

/// Removes one of the caller's ways in, if another is left.
///
/// Asks for a session that is younger than a day.
#[utoipa::path(
    post, path = "/api/auth/unlink-account", tag = "account", operation_id = "unlinkAccount",
    request_body = UnlinkAccount,
    responses((status = OK, description = "Done", body = Status), Refused)
)]
pub async fn unlink_account(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let fields = body.fields()?;
    let id = fields.string("accountId");
    fields.finish()?;
    let current = app.current(&headers, now).await?;
    current.require_fresh(now)?;
    current.require_own()?;
    let outcome = unlink(&app, &current.live.user.id, &id.unwrap_or_default()).await;
    current.answer(outcome)
}

/// Counts and deletes under a lock of the user's row, so that two who unlink at
/// once do not each leave what the other takes.
async fn unlink(app: &App, user: &UserId, id: &str) -> Result<Json<Status>, Error> {
    let mut tx = app.db.begin().await.doing("starting to unlink an account")?;
    users::lock(&mut *tx, user).await?;
    let is_configured = |provider: &str| app.providers.named(provider).is_some();
    check_unlink(&accounts::find_of_user(&mut *tx, user).await?, id, is_configured)?;
    accounts::delete(&mut *tx, user, id).await?;
    tx.commit().await.doing("unlinking an account")?;
    tracing::info!(target: "security", { user.id = %user, account.id = id }, "an account was unlinked");
    Ok(Json(Status::DONE))
}
