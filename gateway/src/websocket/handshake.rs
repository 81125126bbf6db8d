//! The client's opening handshake (RFC 6455, section 4.2.1), and the ways in which it
//! may carry a ws-token.

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, Method, Uri, Version, header};
use pingora::http::RequestHeader;

/// Key of the query that may carry a token.
const TOKEN_KEY: &str = "token";
/// The subprotocol that is followed by a token.
pub const BEARER: &str = "bearer";
/// No token is longer.
const TOKEN_MAX_BYTES: usize = 2048;
/// The version of the protocol that there is.
pub const VERSION: &str = "13";

/// Why a handshake is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    Handshake,
    /// It speaks another version than [`VERSION`].
    Version,
}

/// A handshake that is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// `Sec-WebSocket-Key`
    pub key: String,
    pub token: Option<String>,
    /// Whether the token came behind the subprotocol [`BEARER`].
    pub bearer: bool,
    /// Subprotocols for the upstream to choose from.
    pub protocols: Vec<String>,
    /// Path and query, without the token.
    pub path_and_query: String,
}

/// Whether a request wants to become a WebSocket, however clumsily.
#[must_use]
pub fn is_asked_for(headers: &HeaderMap) -> bool {
    has_word(headers, &header::UPGRADE, "websocket")
}

impl Handshake {
    pub fn read(request: &RequestHeader) -> Result<Self, Malformed> {
        let headers = &request.headers;
        let in_order = request.method == Method::GET
            && request.version == Version::HTTP_11
            && is_asked_for(headers)
            && has_word(headers, &header::CONNECTION, "upgrade")
            && !headers.contains_key(header::CONTENT_LENGTH)
            && !headers.contains_key(header::TRANSFER_ENCODING);
        if !in_order {
            return Err(Malformed::Handshake);
        }
        if only(headers, &header::SEC_WEBSOCKET_VERSION) != Some(VERSION) {
            return Err(Malformed::Version);
        }
        let key = only(headers, &header::SEC_WEBSOCKET_KEY).ok_or(Malformed::Handshake)?;
        if BASE64_STANDARD.decode(key).map(|nonce| nonce.len()) != Ok(16) {
            return Err(Malformed::Handshake);
        }
        let (from_protocols, protocols) = protocols(headers)?;
        let (from_query, path_and_query) = without_token(&request.uri)?;
        if from_protocols.is_some() && from_query.is_some() {
            return Err(Malformed::Handshake);
        }
        let bearer = from_protocols.is_some();
        let token = from_protocols.or(from_query);
        if token.as_ref().is_some_and(|token| token.len() > TOKEN_MAX_BYTES) {
            return Err(Malformed::Handshake);
        }
        Ok(Self { key: key.to_owned(), token, bearer, protocols, path_and_query })
    }
}

/// A header's value, if it has one and not more.
fn only<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

fn has_word(headers: &HeaderMap, name: &header::HeaderName, word: &str) -> bool {
    words(headers, name).any(|present| present.eq_ignore_ascii_case(word))
}

fn words<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).iter();
    lines.flat_map(|line| line.to_str().unwrap_or_default().split(',')).map(str::trim)
}

/// The token among the subprotocols, `bearer, <token>`, and the others.
fn protocols(headers: &HeaderMap) -> Result<(Option<String>, Vec<String>), Malformed> {
    let mut offered = words(headers, &header::SEC_WEBSOCKET_PROTOCOL);
    let (mut token, mut others) = (None, Vec::new());
    while let Some(name) = offered.next() {
        if name != BEARER {
            others.push(name.to_owned());
        } else if token.is_none() {
            token = Some(offered.next().ok_or(Malformed::Handshake)?.to_owned());
        } else {
            return Err(Malformed::Handshake);
        }
    }
    Ok((token, others))
}

/// Takes `token` out of the query and leaves the rest as it was written.
fn without_token(uri: &Uri) -> Result<(Option<String>, String), Malformed> {
    let path = uri.path().to_owned();
    let Some(query) = uri.query() else { return Ok((None, path)) };
    let name = |pair: &str| {
        let decoded = serde_urlencoded::from_str::<Vec<(String, String)>>(pair);
        decoded.ok().and_then(|pairs| pairs.into_iter().next())
    };
    let (mut token, mut rest) = (None, Vec::new());
    for pair in query.split('&') {
        match name(pair) {
            Some((key, _)) if key == TOKEN_KEY && token.is_some() => {
                return Err(Malformed::Handshake);
            }
            Some((key, value)) if key == TOKEN_KEY => token = Some(value),
            _ => rest.push(pair),
        }
    }
    let query = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
    Ok((token, path + &query))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

    fn request(path: &str, headers: &[(&'static str, &str)]) -> RequestHeader {
        let mut request = RequestHeader::build("GET", path.as_bytes(), None).expect("a request");
        for (name, value) in headers {
            request.append_header(*name, *value).expect("a header");
        }
        request
    }

    fn in_order() -> Vec<(&'static str, &'static str)> {
        vec![
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", KEY),
        ]
    }

    fn read(path: &str, more: &[(&'static str, &'static str)]) -> Result<Handshake, Malformed> {
        Handshake::read(&request(path, &[in_order().as_slice(), more].concat()))
    }

    #[test]
    fn a_token_is_taken_out_of_the_query_and_nothing_else_changes() {
        let taken = |path: &str| {
            let handshake = read(path, &[]).expect("in order");
            (handshake.token, handshake.path_and_query)
        };
        assert_eq!(taken("/ws"), (None, "/ws".into()));
        assert_eq!(taken("/ws?a=%20b&token=x.y&c"), (Some("x.y".into()), "/ws?a=%20b&c".into()));
        assert_eq!(taken("/ws?token=x"), (Some("x".into()), "/ws".into()));
        assert_eq!(taken("/ws?t%6Fken=x"), (Some("x".into()), "/ws".into()));
        assert_eq!(taken("/ws?tokens=x"), (None, "/ws?tokens=x".into()));
    }

    #[test]
    fn a_token_is_taken_out_of_the_subprotocols() {
        let handshake = read("/ws", &[("sec-websocket-protocol", "chat, bearer, x.y, json")]);
        let handshake = handshake.expect("in order");
        assert_eq!((handshake.token.as_deref(), handshake.bearer), (Some("x.y"), true));
        assert_eq!(handshake.protocols, ["chat", "json"]);
    }

    #[test]
    fn two_tokens_are_none() {
        for (path, protocols) in [
            ("/ws?token=a&token=a", "chat"),
            ("/ws?token=a", "bearer, a"),
            ("/ws", "bearer, a, bearer, a"),
            ("/ws", "bearer"),
        ] {
            let read = read(path, &[("sec-websocket-protocol", protocols)]);
            assert_eq!(read, Err(Malformed::Handshake), "{path} {protocols}");
        }
    }

    #[test]
    fn half_a_handshake_is_none() {
        for missing in 0..in_order().len() {
            let mut headers = in_order();
            headers.remove(missing);
            assert!(Handshake::read(&request("/ws", &headers)).is_err(), "{missing}");
        }
        for (more, expected) in [
            (("sec-websocket-version", "13"), Malformed::Version),
            (("sec-websocket-key", KEY), Malformed::Handshake),
            (("content-length", "0"), Malformed::Handshake),
            (("transfer-encoding", "chunked"), Malformed::Handshake),
        ] {
            assert_eq!(read("/ws", &[more]), Err(expected), "{more:?}");
        }
    }
}
