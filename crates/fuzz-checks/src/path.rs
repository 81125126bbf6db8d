use std::sync::LazyLock;

use gateway::{
    app_routes::AppRoutes,
    path::check,
    route_table::{Destination, find},
    routes_file::RoutesFile,
};
use http::Method;
use percent_encoding::percent_decode_str;

static ROUTES: LazyLock<AppRoutes> = LazyLock::new(|| {
    let route = |prefix: &str, policy: &str| {
        format!("[[routes]]\nprefix = \"{prefix}\"\nupstream = \"a\"\npolicy = \"{policy}\"\n")
    };
    let text = format!(
        "[upstreams.a]\naddresses = [\"127.0.0.1:1\"]\n{}{}{}",
        route("/a", "public"),
        route("/a/b", "session"),
        route("/c", "session")
    );
    AppRoutes::build(RoutesFile::parse(&text).expect("in order"), &AppRoutes::default())
});

/// A path that passes has one reading: whoever decodes it, once or twice, and takes
/// its dots away finds the same segments, and the same route.
pub fn path(bytes: &[u8]) {
    let Ok(path) = std::str::from_utf8(bytes) else { return };
    if check(path).is_err() {
        return;
    }
    let once = percent_decode_str(path).collect::<Vec<_>>();
    let twice = percent_encoding::percent_decode(&once).collect::<Vec<_>>();
    assert_eq!(once, twice, "{path:?} changes under a second decoding");
    let segments = |path: &[u8]| path.split(|byte| *byte == b'/').count();
    assert_eq!(segments(&once), segments(bytes), "{path:?} gets other segments");
    let dots = |segment: &[u8]| matches!(segment, b"." | b"..");
    assert!(!once.split(|byte| *byte == b'/').any(dots), "{path:?} leads upwards");
    assert!(!once.contains(&b'\\') && !once.contains(&0), "{path:?}");
    let decoded = String::from_utf8(once);
    if let Ok(decoded) = decoded.as_deref() {
        assert_eq!(leads_to(path), leads_to(decoded), "{path:?} is two routes");
    }
}

fn leads_to(path: &str) -> String {
    match find(&Method::GET, path, &ROUTES) {
        Destination::App(route) => format!("{:?}", route.rule.path),
        other => other.label().to_owned(),
    }
}
