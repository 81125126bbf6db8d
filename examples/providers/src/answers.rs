//! Answers, good and bad.

use axum::{
    Json,
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use serde_json::Value;

use crate::wish::{Wish, Wrong};

/// More than any client should read.
const OVERSIZED_BYTES: usize = 4 * 1024 * 1024;

/// The answer, unless something else was wished for on this path.
pub(crate) async fn answer(wish: &Wish, path: &str, body: Value) -> Response {
    match wish.wrong.get(path) {
        None => Json(body).into_response(),
        Some(wrong) => go_wrong(wrong).await,
    }
}

async fn go_wrong(wrong: &Wrong) -> Response {
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    match wrong {
        Wrong::Status(status) => StatusCode::from_u16(*status).unwrap_or_default().into_response(),
        Wrong::Redirect(target) => {
            let target = HeaderValue::try_from(target).unwrap_or(HeaderValue::from_static("/"));
            (StatusCode::FOUND, [(header::LOCATION, target)]).into_response()
        }
        Wrong::Silent => std::future::pending().await,
        Wrong::Broken => {
            let parts = [Ok("{\"access_token\":\"x"), Err(std::io::Error::other("broken"))];
            (json, Body::from_stream(stream::iter(parts))).into_response()
        }
        Wrong::Oversized => (json, " ".repeat(OVERSIZED_BYTES)).into_response(),
        Wrong::Text(text) => (json, text.clone()).into_response(),
    }
}
