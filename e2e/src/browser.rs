//! A client with a cookie jar that says where it comes from, as a browser does.

use std::collections::BTreeMap;

use rand::RngExt;
use reqwest::{Client, Method, RequestBuilder, redirect::Policy};
use serde_json::{Value, json};
use stack::Urls;

use crate::{answer::Answer, wait::eventually};

/// The password of every user that a test makes and says nothing else about.
pub const PASSWORD: &str = "correct horse battery";

/// An address nobody has used.
#[must_use]
pub fn fresh_email() -> String {
    format!("user-{:016x}@example.com", rand::rng().random::<u64>())
}

#[derive(Clone)]
pub struct Browser {
    client: Client,
    base: String,
    /// Sent as `Origin`, unless a test takes it away.
    pub origin: Option<String>,
    pub cookies: BTreeMap<String, String>,
}

/// A user who has signed up and is signed in.
pub struct User {
    pub browser: Browser,
    pub email: String,
    pub id: String,
    pub token: String,
}

impl Browser {
    /// A browser that has never been here.
    #[must_use]
    pub fn new(urls: &Urls) -> Self {
        let client = Client::builder().redirect(Policy::none()).build().expect("a client");
        let origin = Some(urls.frontend_url.clone());
        Self { client, base: urls.gateway_url.clone(), origin, cookies: BTreeMap::new() }
    }

    /// The same browser on a page of this origin, or of one that it does not tell.
    #[must_use]
    pub fn on_page_of(mut self, origin: Option<&str>) -> Self {
        self.origin = origin.map(str::to_owned);
        self
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        let request = self.request(Method::GET, path);
        self.send(request).await
    }

    pub async fn post(&mut self, path: &str, body: &Value) -> Answer {
        let request = self.request(Method::POST, path).json(body);
        self.send(request).await
    }

    /// The same, asked again for as long as the answer is to come again later.
    pub async fn post_patiently(&mut self, path: &str, body: &Value) -> Answer {
        let answered = eventually(|| async {
            let answer = self.clone().post(path, body).await;
            (!answer.is_clean_outage()).then_some(answer)
        });
        answered.await.unwrap_or_else(|| panic!("{path}: out of patience"))
    }

    /// Sends a body that is not, or not quite, JSON.
    pub async fn post_text(&mut self, path: &str, media_type: &str, body: &str) -> Answer {
        let request = self.request(Method::POST, path).header("content-type", media_type);
        self.send(request.body(body.to_owned())).await
    }

    /// A request with the jar's cookies and the origin, to add to.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if !self.cookies.is_empty() {
            let pairs: Vec<_> =
                self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", pairs.join("; "));
        }
        match &self.origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        }
    }

    /// Sends, and keeps the cookies that come back.
    pub async fn send(&mut self, request: RequestBuilder) -> Answer {
        let answer = Answer::of(request.send().await.expect("an answer")).await;
        for line in answer.set_cookies() {
            let (pair, attributes) = line.split_once(';').unwrap_or((&line, ""));
            let (name, value) = pair.split_once('=').expect("a cookie has a value");
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// Signs up somebody new.
    pub async fn sign_up(mut self) -> User {
        let email = fresh_email();
        let body = json!({ "name": "Ann", "email": email, "password": PASSWORD });
        let answer = self.post("/api/auth/sign-up/email", &body).await.expect(200).json();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        User {
            email,
            id: text(&answer["user"]["id"]),
            token: text(&answer["token"]),
            browser: self,
        }
    }

    pub async fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        let body = json!({ "email": email, "password": password });
        self.post("/api/auth/sign-in/email", &body).await
    }

    pub async fn session(&mut self) -> Value {
        self.get("/api/auth/get-session").await.expect(200).json()
    }

    pub async fn is_signed_in(&mut self) -> bool {
        !self.session().await.is_null()
    }

    /// The value of the session's cookie, as it is sent.
    #[must_use]
    pub fn session_cookie(&self) -> &str {
        &self.cookies["better-auth.session_token"]
    }
}
