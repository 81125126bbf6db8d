use super::*;
use proptest::prelude::*;

fn routes(routes: &str) -> AppRoutes {
    let file = format!("{routes}\n[upstreams.panel]\naddress = \"127.0.0.1:3010\"\n");
    AppRoutes::build(RoutesFile::parse(&file).expect("in order"), &AppRoutes::default())
}

fn several() -> AppRoutes {
    routes(
        r#"
        routes = [
            { prefix = "/api", upstream = "panel" },
            { prefix = "/api/servers", upstream = "panel" },
            { path = "/api/servers", upstream = "panel" },
            { path = "/api/servers/list", upstream = "panel", methods = ["GET"] },
            { path = "/api/servers/list", upstream = "panel", methods = ["POST", "PUT"], policy = "fresh" },
            { prefix = "/Panel", upstream = "panel" },
        ]"#,
    )
}

/// What a path leads to: `=` for a path, `<` for a prefix.
fn led(routes: &AppRoutes, method: &Method, path: &str) -> String {
    match routes.find(method, path) {
        Found::Route(route) => match &route.rule.path {
            RoutePath::Exact(path) => format!("= {path}"),
            RoutePath::Prefix(path) => format!("< {path}"),
        },
        Found::OtherMethods(_) | Found::Nothing => "nowhere".to_owned(),
    }
}

#[test]
fn the_longest_path_wins_and_an_exact_one_before_a_prefix() {
    let routes = several();
    for (path, expected) in [
        ("/api", "< /api"),
        ("/api/", "< /api"),
        ("/api/servers", "= /api/servers"),
        ("/api/servers/", "= /api/servers"),
        ("/api/servers/1", "< /api/servers"),
        ("/api/servers/1;v=2", "< /api/servers"),
        ("/api/servers/list", "= /api/servers/list"),
        ("/api/servers/list/1", "< /api/servers"),
        ("/api/servers-old", "< /api"),
        ("/apis", "nowhere"),
        ("/", "nowhere"),
    ] {
        assert_eq!(led(&routes, &Method::GET, path), expected, "{path}");
    }
}

#[test]
fn a_spelling_that_a_lax_server_would_take_for_another_route_leads_nowhere() {
    let routes = several();
    for path in [
        "/API",
        "/api/Servers",
        "/api/servers;x",
        "/api/SERVERS/1",
        "/api;x/servers",
        "/api/servers/list;x",
        "/api/servers/LIST",
        "/panel",
        "/PANEL/x",
    ] {
        assert_eq!(led(&routes, &Method::GET, path), "nowhere", "{path}");
    }
    assert_eq!(led(&routes, &Method::GET, "/Panel/x"), "< /Panel");
    assert_eq!(led(&routes, &Method::GET, "/api/Other"), "< /api");
}

#[test]
fn a_method_that_no_route_of_the_path_takes_is_not_passed_to_a_shorter_one() {
    let routes = several();
    for method in [Method::GET, Method::HEAD] {
        assert_eq!(led(&routes, &method, "/api/servers/list"), "= /api/servers/list");
    }
    let Found::OtherMethods(allow) = routes.find(&Method::DELETE, "/api/servers/list") else {
        panic!("there are routes");
    };
    assert_eq!(allow, "GET, HEAD, POST, PUT");
}

#[test]
fn an_upstream_that_did_not_change_is_kept() {
    let before = routes(r#"routes = [{ prefix = "/a", upstream = "panel" }]"#);
    let with = |address: &str| {
        let file = format!(
            "routes = [{{ prefix = \"/b\", upstream = \"panel\" }}]\n[upstreams.panel]\naddress = \"{address}\"\n"
        );
        AppRoutes::build(RoutesFile::parse(&file).expect("in order"), &before)
    };
    assert!(Arc::ptr_eq(&with("127.0.0.1:3010").upstreams()[0], &before.upstreams()[0]));
    assert!(!Arc::ptr_eq(&with("127.0.0.1:3011").upstreams()[0], &before.upstreams()[0]));
}

proptest! {
    /// The oracle is a server that knows neither case nor parameters: no spelling gets
    /// to what it would serve under a policy by another route.
    #[test]
    fn no_spelling_gets_around_a_route(path in "/(api|API|aPi|;|servers|Servers|list|x|/){0,8}") {
        let routes = several();
        let as_read = folded(&path);
        let as_read = if as_read.is_empty() { "/" } else { &as_read };
        let lax = led(&routes, &Method::GET, as_read);
        let found = led(&routes, &Method::GET, &path);
        prop_assert!(found == "nowhere" || found == lax, "{:?} {:?}", found, lax);
    }
}
