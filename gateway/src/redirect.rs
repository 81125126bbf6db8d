//! Plain HTTP, for those who have forgotten the `s`: a way to the same page by https.

use async_trait::async_trait;
use http::{Response, StatusCode, header};
use pingora::{
    apps::http_app::{HttpServer, ServeHttp},
    protocols::http::ServerSession,
    services::listening::Service,
};

/// Sends everybody to the same path on the API's own origin, whatever `Host` says.
pub struct Redirect {
    /// `https://panel.example.com`
    origin: String,
}

#[must_use]
pub fn service(origin: String) -> Service<HttpServer<Redirect>> {
    Service::new("redirect".to_owned(), HttpServer::new_app(Redirect { origin }))
}

#[async_trait]
impl ServeHttp for Redirect {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        // What is sent in the clear is not answered twice.
        session.set_keepalive(None);
        let uri = &session.req_header().uri;
        let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let answer = |status| Response::builder().status(status).header(header::CONTENT_LENGTH, 0);
        let redirect = answer(StatusCode::PERMANENT_REDIRECT)
            .header(header::LOCATION, format!("{}{target}", self.origin))
            .body(Vec::new());
        redirect.unwrap_or_else(|_| {
            let bad = answer(StatusCode::BAD_REQUEST).body(Vec::new());
            bad.expect("a constant status is in order")
        })
    }
}
