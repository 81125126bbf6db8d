//! Who gives a code: somebody who is signed in, or somebody whose sign-in has come half
//! way (contract 6.2).

use std::fmt;

use auth_types::{Timestamp, TokenDigest, UserId};
use contract::{Refusal, identity::GetUser, user::UserSnapshot};
use http::HeaderMap;
use service_kit::{Current, Error, WithCookies};

use crate::{
    app::App,
    model::guard::Door,
    store::challenges::{self, Challenge},
};

/// What a code is given for: attempts and codes sent by mail are counted for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope(String);

impl Scope {
    fn challenge(digest: TokenDigest) -> Self {
        Self(format!("challenge:{digest}"))
    }

    fn session(id: &impl fmt::Display) -> Self {
        Self(format!("session:{id}"))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A sign-in that has come half way.
#[derive(Debug)]
pub struct HalfWay {
    pub challenge: Challenge,
    /// The user as they are now.
    pub user: UserSnapshot,
}

#[derive(Debug)]
pub enum Prover {
    SignedIn(Box<Current>),
    HalfWay(Box<HalfWay>),
}

impl Prover {
    /// A session counts before a challenge. Who acts as somebody else proves nothing for
    /// them.
    pub async fn find(
        app: &App,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Self, WithCookies<Error>> {
        let cookies = &app.deployment.cookies;
        let (current, mut clears) = Current::find_any(&app.bus, cookies, headers, now).await?;
        if let Some(current) = current {
            current.require_own()?;
            return Ok(Self::SignedIn(Box::new(current)));
        }
        let token = cookies.challenge(headers);
        let challenge = match &token {
            Some(token) => challenges::find(&app.db, token.digest(), now).await?,
            None => None,
        };
        if let Some(challenge) = challenge {
            let user_id = challenge.user.user.id.clone();
            let user = app.bus.request(&GetUser { user_id }).await.map_err(Error::from)?;
            if let Some(user) = user {
                return Ok(Self::HalfWay(Box::new(HalfWay { challenge, user })));
            }
        }
        if token.is_some() {
            clears.push(cookies.clear_challenge());
        }
        Err(WithCookies(clears, Refusal::InvalidTwoFactorCookie.into()))
    }

    #[must_use]
    pub fn user(&self) -> UserSnapshot {
        match self {
            Self::SignedIn(current) => {
                UserSnapshot { version: current.live.version.user, user: current.live.user.clone() }
            }
            Self::HalfWay(half_way) => half_way.user.clone(),
        }
    }

    #[must_use]
    pub fn user_id(&self) -> &UserId {
        match self {
            Self::SignedIn(current) => &current.live.user.id,
            Self::HalfWay(half_way) => &half_way.user.user.id,
        }
    }

    #[must_use]
    pub fn scope(&self) -> Scope {
        match self {
            Self::SignedIn(current) => Scope::session(&current.live.session.id),
            Self::HalfWay(half_way) => Scope::challenge(half_way.challenge.digest),
        }
    }

    #[must_use]
    pub fn door(&self) -> Door {
        match self {
            Self::SignedIn(_) => Door::Session,
            Self::HalfWay(_) => Door::SignIn,
        }
    }

    /// A refusal, with the cookies that are due.
    pub fn refuse(&self, error: impl Into<Error>) -> WithCookies<Error> {
        match self {
            Self::SignedIn(current) => WithCookies(current.cookies.clone(), error.into()),
            Self::HalfWay(_) => WithCookies(Vec::new(), error.into()),
        }
    }
}
