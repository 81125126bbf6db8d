//! One canonical spelling of a path decides, and is forwarded.
//!
//! A path that another parser might read differently does not get in at all:
//! dot segments, empty segments, backslashes, and percent-encodings of characters
//! that could make any of these or would decode to something else a second time.

/// The path is ambiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ambiguous;

pub fn check(path: &str) -> Result<(), Ambiguous> {
    let plain = path.starts_with('/')
        && !path.contains("//")
        && !path.contains('\\')
        && !path.bytes().any(|byte| byte.is_ascii_control())
        && !path.split('/').any(is_dots)
        && encodings_are_harmless(path);
    if plain { Ok(()) } else { Err(Ambiguous) }
}

/// `.`, `..`, and the same with parameters behind it, which some servers cut off.
fn is_dots(segment: &str) -> bool {
    matches!(segment.split(';').next(), Some("." | ".."))
}

fn encodings_are_harmless(path: &str) -> bool {
    path.split('%').skip(1).all(|after| {
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        byte.is_some_and(is_harmless)
    })
}

/// An encoded byte that needs to be: not a control character, not part of a path's
/// grammar, not `%` itself, and nothing that could have stood for itself.
fn is_harmless(byte: u8) -> bool {
    !byte.is_ascii_control()
        && !b"/\\.%;?#".contains(&byte)
        && !byte.is_ascii_alphanumeric()
        && !b"-_~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_paths_pass() {
        for path in [
            "/",
            "/api/servers",
            "/api/servers/",
            "/a%20b",
            "/%C3%A9",
            "/a:b@c",
            "/a.b/..c",
            "/a;v=1",
        ] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn paths_with_two_readings_do_not() {
        for path in [
            "",
            "a",
            "//a",
            "/a//b",
            "/a/./b",
            "/a/../b",
            "/..",
            "/a/..;x/b",
            "/a\\b",
            "/%2e%2e/a",
            "/%2E/a",
            "/a%2fb",
            "/a%5Cb",
            "/a%252fb",
            "/a%00b",
            "/a%0Ab",
            "/%61pi",
            "/a%",
            "/a%4",
            "/a%zz",
            "/a%3Bb",
        ] {
            assert_eq!(check(path), Err(Ambiguous), "{path}");
        }
    }

    proptest! {
        #[test]
        fn decoding_a_path_that_passed_never_changes_its_segments(path in "/[a-c./%;\\\\2567eEfFcC]{0,24}") {
            if check(&path).is_ok() {
                let decoded = decode(&path);
                let segments = |text: &[u8]| text.split(|byte| *byte == b'/').count();
                prop_assert_eq!(segments(&decoded), segments(path.as_bytes()));
                let twice = String::from_utf8(decoded.clone()).map(|text| decode(&text));
                prop_assert!(twice.is_err() || twice.is_ok_and(|twice| twice == decoded));
            }
        }
    }

    fn decode(text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes().iter().copied();
        let mut out = Vec::new();
        while let Some(byte) = bytes.next() {
            if byte == b'%' {
                let digits = [bytes.next().unwrap_or(b'0'), bytes.next().unwrap_or(b'0')];
                let digits = std::str::from_utf8(&digits).unwrap_or("00");
                out.push(u8::from_str_radix(digits, 16).unwrap_or(0));
            } else {
                out.push(byte);
            }
        }
        out
    }
}
