use gateway::{head, identity, path};
use http::HeaderName;
use pingora::http::RequestHeader;

/// A target that passes is a path, and the one that the decision was about.
pub fn target(bytes: &[u8]) {
    let Ok(mut request) = RequestHeader::build("GET", bytes, None) else { return };
    if head::unfit(&request).is_some() || path::check(request.uri.path()).is_err() {
        return;
    }
    let decided = request.uri.path().to_owned();
    head::to_path(&mut request).expect("a fit target has a path");
    let sent = std::str::from_utf8(request.raw_path()).expect("printable ASCII");
    assert!(sent.starts_with('/'), "{sent:?}");
    assert_eq!(sent.split('?').next(), Some(decided.as_str()), "another path is sent on");
    assert_eq!(request.uri.path(), decided);
}

/// What a client calls a header never reaches an upstream as one of ours.
pub fn header_name(bytes: &[u8]) {
    let Ok(name) = HeaderName::from_bytes(bytes) else { return };
    let mut request = RequestHeader::build("GET", b"/", None).expect("a request");
    request.append_header(name.clone(), "forged").expect("a header");
    identity::strip(&mut request);
    let seen = request.headers.keys().map(|name| as_a_script_sees(name.as_str()));
    for name in seen {
        let ours = [
            "X_USER_ID",
            "X_USER_EMAIL",
            "X_USER_ROLE",
            "X_SESSION_ID",
            "X_IDENTITY_TOKEN",
            "X_GATEWAY_KEY",
            "X_CLIENT_ADDR",
            "X_FORWARDED_FOR",
            "X_REAL_IP",
            "FORWARDED",
        ];
        assert!(!ours.contains(&name.as_str()), "{name}");
    }
}

/// In the environment of a CGI script (RFC 3875, 4.1.18).
fn as_a_script_sees(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    name.chars().map(plain).collect()
}
