//! Sessions by the thousand, without a password hash for each: opened over the bus, as
//! services do it, with cookies that are signed as the gateway's are.

use std::path::Path;

use async_nats::Client;
use auth_types::{SessionToken, Timestamp};
use contract::{
    Answer, Call, RootSecrets,
    cookies::{Cookies, Remember},
    session::{ClientInfo, CreateSession, Lifetime, Proof},
    user::UserSnapshot,
};
use service_kit::NatsUrl;
use stack::Urls;

use crate::wait::eventually;

/// A connection to NATS, or to one of its servers.
pub async fn nats(url: &str) -> Client {
    let url = NatsUrl::parse(url).expect("a URL");
    url.options().connect(url.servers()).await.expect("NATS lets us in")
}

/// Asks services over the bus.
#[derive(Clone)]
pub struct Opener {
    nats: Client,
    cookies: Cookies,
}

/// A session, and the cookie that is it.
#[derive(Debug, Clone)]
pub struct Opened {
    pub token: SessionToken,
    pub cookie: String,
}

impl Opener {
    /// For the stack whose state is in `dir`.
    pub async fn connect(urls: &Urls, dir: &Path) -> Self {
        let nats = nats(&urls.nats_url).await;
        let secrets = std::fs::read(dir.join("secrets.json")).expect("the stack's secrets");
        let secrets: serde_json::Value = serde_json::from_slice(&secrets).expect("JSON");
        let secret = secrets["better_auth_secret"].as_str().expect("a secret");
        let secrets = RootSecrets::parse(secret).expect("a fit secret");
        Self { nats, cookies: Cookies::new(&secrets, false) }
    }

    /// Asks until it is done: an outage may pass, a refusal may not.
    pub async fn ask<C: Call>(&self, call: &C) -> C::Reply {
        let done = eventually(|| self.ask_once(call)).await;
        done.unwrap_or_else(|| panic!("{} stays unavailable", C::SUBJECT))
    }

    /// Nothing when it is not done, or not yet.
    pub async fn ask_once<C: Call>(&self, call: &C) -> Option<C::Reply> {
        let payload = serde_json::to_vec(call).expect("a message");
        let reply = self.nats.request(C::SUBJECT, payload.into()).await.ok()?;
        match serde_json::from_slice::<Answer<C::Reply>>(&reply.payload).expect("an answer") {
            Answer::Done(done) => Some(done),
            Answer::Refused(refusal) => panic!("{}: {refusal:?}", C::SUBJECT),
            Answer::Unavailable => None,
        }
    }

    /// Somebody whom only session-svc will know.
    #[must_use]
    pub fn user() -> UserSnapshot {
        testkit::user(Timestamp::parse("2026-01-01").expect("a date"))
    }

    pub async fn open(&self, user: &UserSnapshot) -> Opened {
        let client = ClientInfo { ip_address: String::new(), user_agent: String::new() };
        let lifetime = Lifetime::Standard;
        let call = CreateSession { user: user.clone(), proof: Proof::Password, lifetime, client };
        let token = self.ask(&call).await.token;
        let lines = self.cookies.set_session(&token, Remember::Yes, Remember::Yes);
        let cookie = lines[0].split(';').next().expect("a pair").to_owned();
        Opened { token, cookie }
    }
}
