//! What the API is, for programs and for people. Both are written by
//! `cargo run -p openapi` from the code, and a test fails when they are not current.

use contract::schema::Problem;
use http::StatusCode;

use crate::answer::Answer;

const DESCRIPTION: &str = include_str!("../../../docs/openapi.json");
const PAGE: &str = include_str!("../../../docs/reference.html");

/// This description (OpenAPI 3.1).
#[utoipa::path(
    get, path = "/api/auth/open-api/generate-schema", tag = "system", operation_id = "getOpenApi",
    responses(
        (status = OK, description = "OpenAPI 3.1", body = Object, content_type = "application/json"),
        (status = TOO_MANY_REQUESTS, description = "Asked too often", body = Problem),
    )
)]
#[must_use]
pub fn description() -> Answer {
    Answer::json(StatusCode::OK, DESCRIPTION)
}

/// This description as a page.
#[utoipa::path(
    get, path = "/api/auth/reference", tag = "system", operation_id = "getReference",
    responses(
        (status = OK, description = "A page", body = String, content_type = "text/html"),
        (status = TOO_MANY_REQUESTS, description = "Asked too often", body = Problem),
    )
)]
#[must_use]
pub fn page() -> Answer {
    Answer::page(PAGE)
}
