use super::*;
use crate::policy::{Policy, Requirement};
use std::time::Duration;

const UPSTREAM: &str = "[upstreams.panel]\naddress = \"127.0.0.1:3010\"\n";

fn parse(routes: &str) -> Result<RoutesFile, Problems> {
    RoutesFile::parse(&format!("{UPSTREAM}{routes}"))
}

fn route(keys: &str) -> String {
    format!("[[routes]]\nupstream = \"panel\"\n{keys}\n")
}

#[test]
fn what_is_not_said_has_a_default() {
    let file = parse(&route("prefix = \"/api/\"")).expect("in order");
    assert_eq!(
        file.routes,
        [RouteRule {
            path: RoutePath::Prefix("/api".into()),
            methods: Vec::new(),
            upstream: "panel".into(),
            policy: Policy::Caller(Requirement { roles: Vec::new(), fresh: false }),
            limit: None,
            timeouts: Timeouts {
                connect: Duration::from_secs(1),
                read: Duration::from_secs(30),
                total: None
            },
            retries: 1,
            body_limit_bytes: 1024 * 1024,
            websocket: false,
        }]
    );
    let [upstream] = &file.upstreams[..] else { panic!("one upstream") };
    assert_eq!(upstream.health, None);
    assert_eq!(upstream.ejection, EjectionConfig::default());
    assert_eq!(upstream.idle, Duration::from_secs(4));
}

#[test]
fn everything_can_be_said() {
    let file = RoutesFile::parse(include_str!("../../../deploy/examples/routes.toml"));
    let file = file.unwrap_or_else(|problems| panic!("{problems}"));
    let panel = file.upstreams.iter().find(|upstream| &*upstream.name == "panel").expect("panel");
    assert_eq!(panel.addresses.len(), 2);
    assert_eq!(panel.addresses[1].weight, 3);
    assert!(panel.health.is_some());
    let exact = RoutePath::Exact("/api/ws".into());
    let socket = file.routes.iter().find(|route| route.path == exact).expect("the route");
    assert!(socket.websocket);
}

#[test]
fn a_file_with_a_mistake_does_not_count_at_all() {
    for (keys, says) in [
        ("", "needs either a path or a prefix"),
        ("prefix = \"/a\"\npath = \"/a\"", "needs either a path or a prefix"),
        ("prefix = \"a\"", "one spelling"),
        ("prefix = \"/a/../b\"", "one spelling"),
        ("prefix = \"/a;x\"", "one spelling"),
        ("prefix = \"/%61\"", "one spelling"),
        ("prefix = \"/api/auth/x\"", "the gateway's own"),
        ("path = \"/health\"", "the gateway's own"),
        ("path = \"/auth/verify\"", "the gateway's own"),
        ("prefix = \"/a\"\npolicy = \"roles\"", "policy roles needs"),
        ("prefix = \"/a\"\nroles = [\"admin\"]", "`roles` needs"),
        ("prefix = \"/a\"\npolicy = \"roles\"\nroles = [\"a,b\"]", "without a comma"),
        ("prefix = \"/a\"\npolicy = \"admin\"", "unknown variant"),
        ("prefix = \"/a\"\nporicy = \"public\"", "there is no key \"poricy\""),
        ("prefix = \"/a\"\nmethods = [\"get\"]", "no method"),
        ("prefix = \"/a\"\nmethods = [\"TRACE\"]", "never passed on"),
        ("prefix = \"/a\"\nmethods = [\"POST\"]\nwebsocket = true", "websocket needs"),
        ("prefix = \"/a\"\nretries = 9", "expected 0 to 3"),
        ("prefix = \"/a\"\nbody_limit_bytes = -1", "body_limit_bytes"),
        ("prefix = \"/a\"\nlimit = { requests = 0, window = \"1s\" }", "expected 1 to"),
        ("prefix = \"/a\"\nlimit = { requests = 1 }", "needs `requests` and `window`"),
        ("prefix = \"/a\"\ntimeouts = { read = \"soon\" }", "read"),
        ("prefix = \"/a\"\ntimeouts = { read = \"0s\" }", "read is 0ns"),
    ] {
        let problems = parse(&route(keys)).expect_err(keys).to_string();
        assert!(problems.contains(says), "{keys}\n{problems}");
    }
}

#[test]
fn an_upstream_has_its_mistakes_too() {
    for (upstream, says) in [
        ("[upstreams.panel]", "needs 1 to 256 addresses"),
        ("[upstreams.panel]\naddress = \"127.0.0.1\"", "expected host:port"),
        ("[upstreams.panel]\naddress = \"a:0\"", "expected host:port"),
        ("[upstreams.panel]\naddresses = [{ address = \"a:1\", weight = 0 }]", "weight is 0"),
        ("[upstreams.panel]\naddress = \"a:1\"\naddresses = [\"b:1\"]", "both"),
        ("[upstreams.ws]\naddress = \"a:1\"", "the gateway's own"),
        ("[upstreams.forward-auth]\naddress = \"a:1\"", "the gateway's own"),
        ("[upstreams.panel]\naddress = \"a:1\"\nhealth = { path = \"x\" }", "path begins with /"),
        ("[upstreams.panel]\naddress = \"a:1\"\nhealth = { every = \"1s\" }", "no key \"every\""),
        ("[upstreams.panel]\naddress = \"a:1\"\nejection = { failures = -1 }", "failures"),
    ] {
        let problems = RoutesFile::parse(upstream).expect_err(upstream).to_string();
        assert!(problems.contains(says), "{upstream}\n{problems}");
    }
}

#[test]
fn routes_on_one_path_share_no_method() {
    let get = route("path = \"/a\"\nmethods = [\"GET\"]");
    let post = route("path = \"/a\"\nmethods = [\"POST\"]");
    let any = route("path = \"/a/\"");
    let prefix = route("prefix = \"/a\"");
    assert!(parse(&format!("{get}{post}{prefix}")).is_ok());
    for twins in [format!("{get}{get}"), format!("{get}{any}"), format!("{any}{any}")] {
        let problems = parse(&twins).expect_err(&twins).to_string();
        assert!(problems.contains("the same method"), "{problems}");
    }
    let other_case = route("path = \"/A\"");
    let problems = parse(&format!("{get}{other_case}")).expect_err("twins").to_string();
    assert!(problems.contains("in its case only"), "{problems}");
}

#[test]
fn every_mistake_is_in_one_message() {
    let file = "surprise = 1\n\
         [upstreams.panel]\naddress = \"nowhere\"\nhealth = { interval = \"never\" }\n\
         [[routes]]\nprefix = \"/a\"\nupstream = \"other\"\npolicy = \"roles\"\nmehtods = [\"GET\"]\n\
         [[routes]]\nprefix = \"/b/../c\"\nretries = \"often\"\n";
    let problems = RoutesFile::parse(file).expect_err("mistakes").to_string();
    for expected in [
        "9 mistakes in the routes file",
        "the file: there is no key \"surprise\"",
        "upstream panel: address is \"nowhere\"",
        "upstream panel, health: interval",
        "route /a: there is no upstream \"other\"",
        "route /a: policy roles needs `roles`",
        "route /a: there is no key \"mehtods\"",
        "route /b/../c: a path begins with / and has one spelling",
        "route /b/../c: needs an upstream",
        "route /b/../c: retries",
    ] {
        assert!(problems.contains(expected), "{expected}\n{problems}");
    }
}

#[test]
fn what_is_not_toml_is_said_with_its_place() {
    let problems = RoutesFile::parse("[[routes]\n").expect_err("not TOML").to_string();
    assert!(problems.contains("line 1"), "{problems}");
}
