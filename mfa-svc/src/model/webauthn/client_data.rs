//! What the browser says of itself in either ceremony.

use serde::Deserialize;

use crate::model::webauthn::Rejected;

/// The origin in client data, as it is written there (WebAuthn 3, 5.8.1).
///
/// webauthn-rs compares what a URL parser makes of it, which is the same origin for more
/// than one text. Browsers write an origin in one way, and the contract compares texts.
pub fn origin(client_data: &[u8]) -> Result<String, Rejected> {
    #[derive(Deserialize)]
    struct ClientData {
        origin: String,
    }
    let data: ClientData = serde_json::from_slice(client_data).map_err(Rejected::malformed)?;
    Ok(data.origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_to_the_letter_and_once() {
        let read = |text: &str| origin(text.as_bytes()).ok();
        assert_eq!(read(r#"{"origin":"https://a.b/","x":{}}"#).as_deref(), Some("https://a.b/"));
        for text in [r#"{"origin":"a","origin":"b"}"#, "{}", "[]", r#"{"origin":1}"#, ""] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
