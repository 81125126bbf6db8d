use auth_types::UserId;
use contract::cookies::{Cookies, Remember};
use http::{HeaderMap, HeaderValue, header};

use crate::secrets;

/// Nothing is read from a cookie that we would not write into one ourselves. Each line
/// is a header.
pub fn cookie(bytes: &[u8]) {
    let Some(headers) = headers(bytes) else { return };
    for secure in [false, true] {
        let cookies = Cookies::new(&secrets(), secure);
        if let Some(token) = cookies.session_token(&headers) {
            let line = &cookies.set_session(&token, Remember::Yes, Remember::Yes)[0];
            assert_signed(bytes, line);
            let again = cookies.session_token(&as_sent(line)).expect("our own cookie");
            assert_eq!(again.expose(), token.expose());
        }
        if let Some(admin) = cookies.admin_session(&headers) {
            let line = cookies.stop_impersonation(&admin, Remember::Yes).remove(0);
            assert!(line.contains(admin.token.expose()));
        }
        let user = UserId::from("u1".to_owned());
        drop((cookies.dont_remember(&headers), cookies.challenge(&headers)));
        drop(cookies.presented_device(&headers, &user));
    }
}

fn headers(bytes: &[u8]) -> Option<HeaderMap> {
    let lines = bytes.split(|byte| *byte == b'\n');
    lines.map(|line| Some((header::COOKIE, HeaderValue::from_bytes(line).ok()?))).collect()
}

/// As a browser sends a `Set-Cookie` line back.
fn as_sent(line: &str) -> HeaderMap {
    let pair = line.split(';').next().unwrap_or_default();
    HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(pair).expect("plain"))])
}

/// The value with its signature stands in what was sent, encoded or not.
fn assert_signed(sent: &[u8], line: &str) {
    let (_, value) = line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a pair");
    let decoded = |text: &[u8]| percent_encoding::percent_decode(text).collect::<Vec<_>>();
    let (sent, value) = (decoded(sent), decoded(value.as_bytes()));
    assert!(sent.windows(value.len()).any(|part| part == value), "a session without a signature");
}
