//! Heads of requests that two servers could read in two ways, or that are too large.

use http::{HeaderValue, StatusCode, header};
use pingora::{http::RequestHeader, prelude::Result};

/// Largest head of a request: names and values of all headers, and the target.
const HEAD_BYTES: usize = 64 * 1024;

/// What is wrong with a head, if something is.
#[must_use]
pub fn unfit(request: &RequestHeader) -> Option<StatusCode> {
    let target = request.raw_path();
    let headers = request.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    if target.len() + headers.sum::<usize>() > HEAD_BYTES {
        return Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    let fit = is_target(target) && has_one_length(request);
    (!fit).then_some(StatusCode::BAD_REQUEST)
}

/// pingora takes a length that is given twice, and would pass both on; an upstream may
/// add them up (RFC 9112, 6.3, lets us refuse).
fn has_one_length(request: &RequestHeader) -> bool {
    let mut lengths = request.headers.get_all(header::CONTENT_LENGTH).iter();
    let digits = |length: &HeaderValue| length.as_bytes().iter().all(u8::is_ascii_digit);
    lengths.next().is_none_or(digits) && lengths.next().is_none()
}

/// Whether this is a path or a whole URL (RFC 9112, 3.2.1 and 3.2.2), and nothing
/// in it is read differently by whoever takes bytes for another alphabet. pingora
/// takes everything else for the path `/`, but would pass it on as it is.
fn is_target(target: &[u8]) -> bool {
    let begins = |scheme: &[u8]| {
        target.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    };
    let path_or_url = begins(b"/") || begins(b"http://") || begins(b"https://");
    path_or_url && target.iter().all(u8::is_ascii_graphic)
}

/// Of a whole URL an upstream gets what we decided by: the path and the query.
pub fn to_path(request: &mut RequestHeader) -> Result<()> {
    if request.raw_path().starts_with(b"/") {
        return Ok(());
    }
    let path = request.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    request.set_raw_path(path.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &[u8]) -> RequestHeader {
        RequestHeader::build("GET", target, None).expect("a request")
    }

    #[test]
    fn paths_and_urls_are_targets() {
        for target in [&b"/"[..], b"/a/b?c=d", b"http://host/a", b"HTTPS://host", b"/a?b#c"] {
            assert_eq!(unfit(&request(target)), None, "{}", String::from_utf8_lossy(target));
        }
        for target in [
            &b"a"[..],
            b"*",
            b"?a",
            b"host:443",
            b"foo:bar://host/a",
            b"ftp://host/a",
            b"/\xc3\xa9",
            b"/\xff",
        ] {
            let target_was = String::from_utf8_lossy(target);
            assert_eq!(unfit(&request(target)), Some(StatusCode::BAD_REQUEST), "{target_was}");
        }
    }

    #[test]
    fn a_head_has_an_end() {
        let mut long = request(b"/");
        for _ in 0..16 {
            long.append_header("x-long", "x".repeat(4000)).expect("a header");
        }
        assert_eq!(unfit(&long), None);
        long.append_header("x-long", "x".repeat(4000)).expect("a header");
        assert_eq!(unfit(&long), Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
    }

    #[test]
    fn a_body_has_one_length() {
        for (lengths, fit) in [(&["5"][..], true), (&["5", "5"], false), (&["5, 5"], false)] {
            let mut request = request(b"/");
            for length in lengths {
                request.append_header("content-length", *length).expect("a header");
            }
            assert_eq!(unfit(&request).is_none(), fit, "{lengths:?}");
        }
    }

    #[test]
    fn an_upstream_gets_a_path() {
        for (target, path) in [
            ("/a?b", "/a?b"),
            ("http://host/a/b?c", "/a/b?c"),
            ("http://host", "/"),
            ("http://host?a", "/?a"),
        ] {
            let mut request = request(target.as_bytes());
            to_path(&mut request).expect("a path");
            assert_eq!(request.raw_path(), path.as_bytes(), "{target}");
        }
    }
}
