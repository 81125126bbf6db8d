//! The body of a request under `/api/auth`, judged in the contract's order:
//! media type (415), JSON (400), origin and callbacks (403), then the fields (400).

use axum::extract::{FromRef, FromRequest, Request};
use contract::{
    Refusal,
    origin::{SignsIn, TrustedOrigins},
};
use http::{HeaderMap, header, request::Parts};
use http_body_util::{BodyExt, LengthLimitError};
use serde_json::{Map, Value};
use std::{error::Error as StdError, sync::Arc};

use crate::{
    error::Error,
    fault::While,
    fields::{Fields, Problems},
};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Fields whose value is a place to send the browser to, with the name an error
/// gives them (contract 9.3).
const CALLBACKS: [(&str, &str, Refusal); 4] = [
    ("callbackURL", "callbackURL", Refusal::InvalidCallbackUrl),
    ("redirectTo", "redirectURL", Refusal::InvalidRedirectUrl),
    ("errorCallbackURL", "errorCallbackURL", Refusal::InvalidErrorCallbackUrl),
    ("newUserCallbackURL", "newUserCallbackURL", Refusal::InvalidNewUserCallbackUrl),
];

/// A body whose origin may send it. `FORMS` says whether the endpoint also takes
/// forms; those are the ones that sign people in, so they are guarded against
/// forms on foreign pages as well.
pub struct Body<const FORMS: bool>(Option<Value>);

/// A JSON body.
pub type JsonBody = Body<false>;
/// A JSON body or a form, on an endpoint that signs people in.
pub type SignInBody = Body<true>;

impl<const FORMS: bool> Body<FORMS> {
    /// The fields of an endpoint that needs none.
    pub fn optional_fields(self) -> Result<Fields, Problems> {
        Fields::of(Some(self.0.unwrap_or_else(|| Value::Object(Map::new()))))
    }

    /// The fields of an endpoint that needs some.
    pub fn fields(self) -> Result<Fields, Problems> {
        Fields::of(self.0)
    }
}

impl<S, const FORMS: bool> FromRequest<S> for Body<FORMS>
where
    S: Send + Sync,
    Arc<TrustedOrigins>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let origins = Arc::<TrustedOrigins>::from_ref(state);
        let (parts, value) = read_value(request, FORMS).await?;
        let signs_in = if FORMS { SignsIn::Yes } else { SignsIn::No };
        origins.check(&parts.headers, signs_in)?;
        check_callbacks(&origins, value.as_ref(), parts.uri.query())?;
        Ok(Self(value))
    }
}

/// What a body holds, whoever sent it: for a route that has a rule of its own about
/// that.
pub async fn read_value(request: Request, forms: bool) -> Result<(Parts, Option<Value>), Error> {
    let (parts, body) = request.into_parts();
    let bytes = body.collect().await.map_err(unreadable)?.to_bytes();
    let value = match media_type(&parts.headers, forms)? {
        _ if bytes.is_empty() => None,
        Media::Json => Some(serde_json::from_slice(&bytes).map_err(|_| Refusal::InvalidJson)?),
        Media::Form => Some(form(&bytes)?),
    };
    Ok((parts, value))
}

enum Media {
    Json,
    Form,
}

fn media_type(headers: &HeaderMap, forms: bool) -> Result<Media, Error> {
    let allowed = if forms { format!("{FORM}, {JSON}") } else { JSON.to_owned() };
    let Some(given) = headers.get(header::CONTENT_TYPE) else {
        let sentence = format!("Content-Type is required. Allowed types: {allowed}");
        return Err(Error::MediaType(sentence));
    };
    let given = given.to_str().unwrap_or("unreadable");
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        JSON => Ok(Media::Json),
        FORM if forms => Ok(Media::Form),
        _ => {
            let sentence =
                format!("Content-Type \"{given}\" is not allowed. Allowed types: {allowed}");
            Err(Error::MediaType(sentence))
        }
    }
}

/// A form's fields, all of them text.
fn form(bytes: &[u8]) -> Result<Value, Error> {
    let pairs: Vec<(String, String)> =
        serde_urlencoded::from_bytes(bytes).map_err(|_| Refusal::InvalidJson)?;
    Ok(Value::Object(
        pairs.into_iter().map(|(name, value)| (name, Value::String(value))).collect::<Map<_, _>>(),
    ))
}

fn check_callbacks(
    origins: &TrustedOrigins,
    body: Option<&Value>,
    query: Option<&str>,
) -> Result<(), Error> {
    let query: Vec<(String, String)> =
        query.and_then(|query| serde_urlencoded::from_str(query).ok()).unwrap_or_default();
    for (field, label, refusal) in CALLBACKS {
        match body.and_then(|body| body.get(field)) {
            Some(Value::String(target)) => check_callback(origins, target, refusal)?,
            None | Some(Value::Null | Value::Bool(false)) => {}
            Some(Value::Number(number)) if number.as_f64() == Some(0.0) => {}
            Some(_) => return Err(Error::Message(format!("Invalid {label}: expected a string"))),
        }
        // The original reads it from the query when the body has none. Both are
        // judged, so that it does not matter which one is used later.
        for (_, target) in query.iter().filter(|(name, _)| name == field) {
            check_callback(origins, target, refusal)?;
        }
    }
    Ok(())
}

fn check_callback(origins: &TrustedOrigins, target: &str, refusal: Refusal) -> Result<(), Refusal> {
    if target.is_empty() || origins.allows_callback(target) { Ok(()) } else { Err(refusal) }
}

fn unreadable(error: axum::Error) -> Error {
    let too_large = error.source().is_some_and(<dyn StdError>::is::<LengthLimitError>);
    if too_large {
        return Refusal::PayloadTooLarge.into();
    }
    match Err::<(), _>(error).doing("reading the request body") {
        Ok(()) => Refusal::InvalidJson.into(),
        Err(fault) => fault.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(content_type: Option<&str>, forms: bool) -> Result<(), String> {
        let mut headers = HeaderMap::new();
        if let Some(given) = content_type {
            headers.insert(header::CONTENT_TYPE, given.parse().expect("a header value"));
        }
        match media_type(&headers, forms) {
            Ok(_) => Ok(()),
            Err(Error::MediaType(sentence)) => Err(sentence),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn media_types_are_named_as_the_original_names_them() {
        assert_eq!(judge(Some("Application/JSON; charset=utf-8"), false), Ok(()));
        assert_eq!(judge(Some(FORM), true), Ok(()));
        assert_eq!(
            judge(None, false),
            Err("Content-Type is required. Allowed types: application/json".into())
        );
        assert_eq!(
            judge(Some("text/plain"), true),
            Err("Content-Type \"text/plain\" is not allowed. Allowed types: \
                 application/x-www-form-urlencoded, application/json"
                .into())
        );
        assert!(judge(Some("application/ld+json"), false).is_err());
    }
}
