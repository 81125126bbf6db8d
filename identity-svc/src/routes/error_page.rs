//! `GET /api/auth/error`: where a browser lands that could not be sent anywhere
//! better (contract 4.19)

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use contract::{schema::Problem, uri};
use http::{HeaderValue, header};
use serde_json::Value;
use service_kit::{Query, fields::Fields};

use crate::{app::App, model::redirect::error_code, routes::redirect::found};

/// Where a browser lands that could not be sent anywhere better.
///
/// In production the panel says it in its own words; elsewhere we do. Nothing of
/// the query appears unless it is a plain code, or escaped.
#[utoipa::path(
    get, path = "/api/auth/error", tag = "system", operation_id = "getErrorPage",
    params(
        ("error" = Option<String>, Query, description = "A code"),
        ("error_description" = Option<String>, Query, description = "A sentence"),
    ),
    responses(
        (status = OK, description = "A page", body = String, content_type = "text/html"),
        (status = FOUND, description = "In production", headers(("Location" = String, description = "The panel's page"))),
        (status = TOO_MANY_REQUESTS, description = "Asked too often", body = Problem),
    )
)]
pub async fn error_page(State(app): State<App>, Query(fields): Query) -> Response {
    let error = text(&fields, "error");
    let code = error_code(error.as_deref());
    let description = text(&fields, "error_description");
    if app.deployment.production {
        return found(&at_the_panel(&app.deployment.frontend_origin, code, description.as_deref()));
    }
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    let quiet = HeaderValue::from_static("no-referrer");
    let headers = [(header::CONTENT_TYPE, html), (header::REFERRER_POLICY, quiet)];
    (headers, page(code, description.as_deref())).into_response()
}

/// A key's text; what is given twice, or not at all, has none.
fn text(fields: &Fields, name: &str) -> Option<String> {
    fields.raw(name).and_then(Value::as_str).map(str::to_owned)
}

fn at_the_panel(frontend_origin: &str, code: &str, description: Option<&str>) -> String {
    let description =
        description.map(|text| format!("&error_description={}", uri::component(text)));
    format!("{frontend_origin}/?error={code}{}", description.unwrap_or_default())
}

/// No style and no script, so that the strictest policy suits it.
fn page(code: &str, description: Option<&str>) -> String {
    let (code, description) = (escaped(code), escaped(description.unwrap_or_default()));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Error</title></head>\n\
         <body>\n<h1>Something went wrong</h1>\n<p>Code: <code>{code}</code></p>\n<p>{description}</p>\n\
         </body>\n</html>\n"
    )
}

fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut html, char| {
        match char {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
        html
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_query_is_markup() {
        let page = page("X", Some("<img src=x onerror='alert(1)'>&\""));
        assert!(page.contains("&lt;img src=x onerror=&#39;alert(1)&#39;&gt;&amp;&quot;"), "{page}");
        assert!(!page.contains("<img"));
    }

    #[test]
    fn the_panel_gets_the_code_and_the_description_encoded() {
        assert_eq!(at_the_panel("https://a.example", "X", None), "https://a.example/?error=X");
        assert_eq!(
            at_the_panel("https://a.example", "X", Some("a b&c\r\n")),
            "https://a.example/?error=X&error_description=a%20b%26c%0D%0A"
        );
    }
}
