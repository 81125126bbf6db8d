//! What a handler is told besides the body: who calls and from where, what time it
//! is, and what the query says.

use std::{convert::Infallible, sync::Arc};

use auth_types::{Clock, Timestamp};
use axum::extract::{FromRef, FromRequestParts};
use contract::{internal::CLIENT_ADDR_HEADER, session::ClientInfo};
use http::{header, request::Parts};

use crate::fields::Fields;

/// Longest user agent we keep, in bytes.
const USER_AGENT_MAX_BYTES: usize = 1024;

/// The instant this request began. Everything it checks is judged by this one
/// instant, so nothing can expire halfway through a request.
#[derive(Debug, Clone, Copy)]
pub struct Now(pub Timestamp);

impl<S: Sync> FromRequestParts<S> for Now
where
    Arc<dyn Clock>: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self(Arc::<dyn Clock>::from_ref(state).now()))
    }
}

/// The keys of the request's query, to be read like the fields of a body.
#[derive(Debug)]
pub struct Query(pub Fields);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Fields::of_query(parts.uri.query().unwrap_or_default())))
    }
}

/// The caller, as the gateway saw them. Only the gateway can say so: requests
/// without its key do not get here.
#[derive(Debug, Clone)]
pub struct Client(pub ClientInfo);

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let text = |name: &str| {
            let value =
                parts.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
            value.map(|value| clip(&value).to_owned()).unwrap_or_default()
        };
        let user_agent = text(header::USER_AGENT.as_str());
        Ok(Self(ClientInfo { ip_address: text(CLIENT_ADDR_HEADER), user_agent }))
    }
}

/// Postgres text holds no NUL, and nobody needs a user agent of megabytes.
fn clip(text: &str) -> &str {
    let text = text.split('\0').next().unwrap_or_default();
    &text[..text.floor_char_boundary(USER_AGENT_MAX_BYTES)]
}
