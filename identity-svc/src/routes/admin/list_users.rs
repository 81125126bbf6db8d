//! `GET /api/auth/admin/list-users` (contract 5.3.3)

use axum::{Json, extract::State, response::IntoResponse};
use contract::{permission::Permission, schema::AdminRefused, user::User};
use http::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use service_kit::{Answered, Error, Now, client::Query, fields::Fields};
use utoipa::ToSchema;

use crate::{
    app::App,
    metrics::AdminAction,
    model::user_query::{
        Column, Comparison, Condition, DEFAULT_LIMIT, Direction, EMAIL, Kind, MAX_LIMIT, NAME,
        Operator, Place, Unfit, UserQuery, pattern,
    },
    store::user_list,
};

const PLACES: [(&str, Place); 3] =
    [("contains", Place::Anywhere), ("starts_with", Place::Start), ("ends_with", Place::End)];
const OPERATORS: [(&str, Operator); 11] = [
    ("eq", Operator::Compare(Comparison::Equal)),
    ("ne", Operator::Compare(Comparison::NotEqual)),
    ("lt", Operator::Compare(Comparison::Less)),
    ("lte", Operator::Compare(Comparison::LessOrEqual)),
    ("gt", Operator::Compare(Comparison::Greater)),
    ("gte", Operator::Compare(Comparison::GreaterOrEqual)),
    ("in", Operator::In),
    ("not_in", Operator::NotIn),
    ("contains", Operator::Find(Place::Anywhere)),
    ("starts_with", Operator::Find(Place::Start)),
    ("ends_with", Operator::Find(Place::End)),
];
const DIRECTIONS: [(&str, Direction); 2] =
    [("asc", Direction::Ascending), ("desc", Direction::Descending)];

#[derive(Serialize, ToSchema)]
pub struct UserList {
    users: Vec<User>,
    /// How many there are over all pages.
    total: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    limit: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    offset: Option<i64>,
}

/// Users, by search, filter, order and page.
///
/// `limit` and `offset` are told back where they were given.
#[utoipa::path(
    get, path = "/api/auth/admin/list-users", tag = "admin", operation_id = "listUsers",
    params(
        ("searchValue" = Option<String>, Query, description = "Text to look for"),
        ("searchField" = Option<String>, Query, description = "`email` or `name`"),
        ("searchOperator" = Option<String>, Query, description = "`contains`, `starts_with` or `ends_with`"),
        ("filterField" = Option<String>, Query, description = "A field of a user"),
        ("filterOperator" = Option<String>, Query,
         description = "`eq`, `ne`, `lt`, `lte`, `gt`, `gte`, `in`, `not_in`, `contains`, `starts_with` or `ends_with`"),
        ("filterValue" = Option<Vec<String>>, Query, description = "Several for `in` and `not_in`"),
        ("sortBy" = Option<String>, Query, description = "A field of a user"),
        ("sortDirection" = Option<String>, Query, description = "`asc` or `desc`"),
        ("limit" = Option<i64>, Query, description = "At most 1000; 100 without it"),
        ("offset" = Option<i64>, Query, description = "Users to leave out"),
    ),
    responses((status = OK, description = "A page of users", body = UserList), AdminRefused)
)]
pub async fn list_users(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    Query(query): Query,
) -> Answered<impl IntoResponse> {
    let (limit, offset) =
        (number(&query, "limit").map(|limit| limit.min(MAX_LIMIT)), number(&query, "offset"));
    let conditions = [search(&query), filter(&query)].into_iter().flatten().collect();
    let sort = sort(&query);
    query.finish()?;
    let asked = UserQuery {
        conditions,
        sort,
        limit: limit.unwrap_or(DEFAULT_LIMIT),
        offset: offset.unwrap_or(0),
    };
    let caller = app.admin(&headers, now, Permission::ListUsers).await?;
    app.acted(&caller, AdminAction::ListUsers, "everybody");
    let listed = list(&app, &asked).await;
    caller.answer(listed.map(|(users, total)| Json(UserList { users, total, limit, offset })))
}

async fn list(app: &App, asked: &UserQuery) -> Result<(Vec<User>, i64), Error> {
    let users = user_list::find(&app.db, asked).await?;
    let total = user_list::count(&app.db, asked).await?;
    Ok((users, total))
}

fn search(query: &Fields) -> Option<Condition> {
    let value = query.optional_string("searchValue");
    let field = query.optional_choice("searchField", &[("email", EMAIL), ("name", NAME)]);
    let place = query.optional_choice("searchOperator", &PLACES);
    let value = value.flatten().filter(|value| !value.is_empty())?;
    let column = field.flatten().unwrap_or(EMAIL);
    // Addresses are kept in lower case, whatever somebody who looks for one writes.
    let value = if column == EMAIL { value.to_lowercase() } else { value };
    Some(Condition::Like(column, pattern(&value, place.flatten().unwrap_or(Place::Anywhere))))
}

fn filter(query: &Fields) -> Option<Condition> {
    let column = query.optional_choice("filterField", &Column::choices());
    let operator = query.optional_choice("filterOperator", &OPERATORS);
    let values = values(query);
    let operator = operator.flatten().unwrap_or(Operator::Compare(Comparison::Equal));
    match column?.unwrap_or(EMAIL).condition(operator, &values?) {
        Ok(condition) => Some(condition),
        Err(unfit) => {
            query.note("filterValue", complaint(unfit));
            None
        }
    }
}

fn values(query: &Fields) -> Option<Vec<String>> {
    let values: Vec<String> = match query.raw("filterValue")? {
        Value::Array(several) => {
            several.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        one => one.as_str().map(str::to_owned).into_iter().collect(),
    };
    if values.iter().any(|value| value.contains('\0')) {
        query.note("filterValue", "Invalid input: a string must not contain NUL");
        return None;
    }
    Some(values)
}

fn complaint(unfit: Unfit) -> &'static str {
    match unfit {
        Unfit::Value(Kind::Text) => "Invalid input: expected string",
        Unfit::Value(Kind::Bool) => "Invalid option: expected one of \"true\"|\"false\"",
        Unfit::Value(Kind::Instant) => "Invalid input: expected date, received string",
        Unfit::Several => "Invalid input: expected string, received array",
        Unfit::NoText => "Invalid input: only text contains, starts with or ends with something",
    }
}

fn sort(query: &Fields) -> Option<(&'static Column, Direction)> {
    let direction = query.optional_choice("sortDirection", &DIRECTIONS);
    // The empty text is as good as none, as in JavaScript.
    let wanted = query.raw("sortBy") != Some(&Value::String(String::new()));
    let column = wanted.then(|| query.optional_choice("sortBy", &Column::choices())).flatten();
    Some((column??, direction.flatten().unwrap_or(Direction::Ascending)))
}

/// A number as JavaScript reads it; what is none, and zero, count as not given. What
/// could be no row of any page is noted.
fn number(query: &Fields, name: &str) -> Option<i64> {
    let text = query.optional_string(name).flatten()?;
    let text = text.trim();
    let is_decimal = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let value = text.parse::<f64>().ok().filter(|_| is_decimal)?;
    if value == 0.0 {
        return None;
    }
    // A fraction, or what is too large, does not read as an integer.
    let whole = value.to_string().parse().ok().filter(|whole: &i64| *whole > 0);
    if whole.is_none() {
        query.note(name, "Invalid input: expected a whole number that is not negative");
    }
    whole
}
