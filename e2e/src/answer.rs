//! An answer, taken apart.

use reqwest::{Response, StatusCode, header::HeaderMap};
use serde_json::Value;

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

#[expect(
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "to expect is often all there is to do"
)]
impl Answer {
    /// Reads the answer to its end.
    pub async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.text().await.expect("a body of text");
        Self { status: status.as_u16(), headers, body }
    }

    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("expected JSON: {self:?}"))
    }

    /// `Set-Cookie` lines, in order.
    #[must_use]
    pub fn set_cookies(&self) -> Vec<String> {
        let lines = self.headers.get_all("set-cookie").iter();
        lines.map(|line| line.to_str().expect("cookies are ASCII").to_owned()).collect()
    }

    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("ASCII"))
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// Expects a refusal in Better Auth's shape.
    #[track_caller]
    pub fn expect_code(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.json()["code"], code, "{answer:?}");
        answer
    }

    /// Expects a refusal in StellarStack's shape.
    #[track_caller]
    pub fn expect_error(self, status: u16, error: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.json(), serde_json::json!({ "error": error }), "{answer:?}");
        answer
    }

    /// Expects an empty body.
    #[track_caller]
    pub fn expect_empty(self, status: u16) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.body, "", "{answer:?}");
        answer
    }

    /// Whether this is an outage that says when to come back, and takes no cookie away.
    #[must_use]
    pub fn is_clean_outage(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE.as_u16()
            && self.headers.contains_key("retry-after")
            && self.set_cookies().is_empty()
    }
}
