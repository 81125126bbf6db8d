//! Which address a request goes to, and what happens when it fails there.

use reqwest::Method;
use stack::Process;

use crate::{
    application::Application,
    child,
    upstream::{Manner, Upstream},
};

/// Routes of one upstream.
fn routes(upstream: &str, route: &str) -> String {
    format!(
        "[upstreams.app]\n{upstream}\n\
         [[routes]]\nprefix = \"/app\"\nupstream = \"app\"\npolicy = \"public\"\n{route}\n"
    )
}

fn addresses(upstreams: &[&Upstream]) -> String {
    let addresses = upstreams.iter().map(|upstream| format!("\"{}\"", upstream.address));
    format!("addresses = [{}]", addresses.collect::<Vec<_>>().join(", "))
}

const NO_EJECTION: &str = "\nejection = { failures = 0 }";
const HEALTHY: &str = "upstream_addresses{upstream=\"app\",state=\"Healthy\"}";
const UNHEALTHY: &str = "upstream_addresses{upstream=\"app\",state=\"Unhealthy\"}";
const EJECTIONS: &str = "upstream_ejections_total{upstream=\"app\"}";
const RETRIES: &str = "upstream_retries_total{upstream=\"app\"}";

#[tokio::test]
async fn addresses_take_turns_by_weight() {
    let (light, heavy) =
        (Upstream::start(Manner::Answers(200)).await, Upstream::start(Manner::Answers(200)).await);
    let upstream = format!(
        "addresses = [\"{}\", {{ address = \"{}\", weight = 3 }}]",
        light.address, heavy.address
    );
    let app = Application::start(&routes(&upstream, ""), &[]).await;
    for _ in 0..80 {
        app.get("/app").await.expect(200);
    }
    assert_eq!((light.asked(), heavy.asked()), (20, 60));
}

/// Two panels, one of which is killed and comes back.
#[tokio::test]
async fn a_killed_upstream_is_noticed_and_nobody_else_notices() {
    let app = Application::start("", &[]).await;
    let (_one, first) = child::another(&app.stack, Process::Panel).await;
    let (mut two, second) = child::another(&app.stack, Process::Panel).await;
    app.write(&routes_to_panels(first, second));
    app.wait_for("routes_generation", 2).await;
    app.wait_for(HEALTHY, 2).await;

    two.kill().await.expect("it ran");
    for _ in 0..20 {
        app.get("/api/public").await.expect(200);
    }
    app.wait_for(UNHEALTHY, 1).await;
    let retried = app.metric(RETRIES).await.unwrap_or_default();
    for _ in 0..20 {
        app.get("/api/public").await.expect(200);
    }
    assert_eq!(app.metric(RETRIES).await.unwrap_or_default(), retried, "it was still asked");

    let mut env = e2e::environment_of(&app.stack, Process::Panel);
    env.insert("LISTEN_ADDR".into(), format!("127.0.0.1:{second}").into());
    let _two = child::start(&stack::bin_dir().join("panel"), &[], &env);
    app.wait_for(HEALTHY, 2).await;
}

fn routes_to_panels(first: u16, second: u16) -> String {
    format!(
        "[upstreams.app]\naddresses = [\"localhost:{first}\", \"127.0.0.1:{second}\"]\n\
         health = {{ path = \"/readyz\", interval = \"100ms\", unhealthy_after = 2, healthy_after = 1 }}\n\
         [[routes]]\nprefix = \"/api/public\"\nupstream = \"app\"\npolicy = \"public\"\nretries = 2\n"
    )
}

/// A health check that fails everywhere is more likely to be wrong than right.
#[tokio::test]
async fn where_all_are_unwell_they_are_asked_all_the_same() {
    let upstream = Upstream::start(Manner::Answers(404)).await;
    let health = "\nhealth = { path = \"/no\", interval = \"100ms\", unhealthy_after = 1 }";
    let config = format!("{}{health}", addresses(&[&upstream]));
    let app = Application::start(&routes(&config, ""), &[]).await;
    app.wait_for(UNHEALTHY, 1).await;
    assert_eq!(app.get("/app").await.status, 404);
}

#[tokio::test]
async fn an_address_at_which_requests_fail_is_left_out() {
    let (bad, good) =
        (Upstream::start(Manner::Answers(503)).await, Upstream::start(Manner::Answers(200)).await);
    let config =
        format!("{}\nejection = {{ failures = 3, for = \"1h\" }}", addresses(&[&bad, &good]));
    let app = Application::start(&routes(&config, ""), &[]).await;
    for _ in 0..30 {
        app.get("/app").await;
    }
    assert_eq!(bad.asked(), 3);
    assert_eq!(good.asked(), 27);
    assert_eq!(app.metric(EJECTIONS).await, Some(1));
}

#[tokio::test]
async fn an_application_that_finds_nothing_is_not_at_fault() {
    let upstream = Upstream::start(Manner::Answers(500)).await;
    let config = format!("{}\nejection = {{ failures = 1 }}", addresses(&[&upstream]));
    let app = Application::start(&routes(&config, ""), &[]).await;
    for _ in 0..5 {
        app.get("/app").await.expect(500);
    }
    assert_eq!(app.metric(EJECTIONS).await.unwrap_or_default(), 0);
}

// Retries, as the upstream counts them

#[tokio::test]
async fn a_request_is_sent_again_only_if_that_changes_nothing() {
    let upstream = Upstream::start(Manner::HangsUp).await;
    let config = format!("{}{NO_EJECTION}", addresses(&[&upstream]));
    let app = Application::start(&routes(&config, "retries = 2"), &[]).await;
    let mut before = 0;
    for (method, body, expected) in [
        (Method::GET, "", 3),
        (Method::HEAD, "", 3),
        (Method::OPTIONS, "", 3),
        (Method::PUT, "", 3),
        (Method::DELETE, "", 3),
        (Method::POST, "", 1),
        (Method::PATCH, "", 1),
        (Method::PUT, "something", 1),
        (Method::POST, "something", 1),
    ] {
        let mut browser = app.browser();
        let request = browser.request(method.clone(), "/app").body(body);
        let answer = browser.send(request).await.expect(502);
        if method != Method::HEAD {
            answer.expect_error(502, "The upstream did not answer");
        }
        assert_eq!(upstream.asked() - before, expected, "{method} {body:?}");
        before = upstream.asked();
    }
}

#[tokio::test]
async fn a_route_may_have_no_retries() {
    let upstream = Upstream::start(Manner::HangsUp).await;
    let config = format!("{}{NO_EJECTION}", addresses(&[&upstream]));
    let app = Application::start(&routes(&config, "retries = 0"), &[]).await;
    app.get("/app").await.expect(502);
    assert_eq!(upstream.asked(), 1);
}

#[tokio::test]
async fn another_address_is_tried_and_a_refused_connection_costs_nobody_anything() {
    let good = Upstream::start(Manner::Answers(200)).await;
    let config = format!(
        "addresses = [\"127.0.0.1:{}\", \"{}\"]{NO_EJECTION}",
        e2e::free_port(),
        good.address
    );
    let app = Application::start(&routes(&config, "retries = 0"), &[]).await;
    for method in [Method::GET, Method::POST] {
        for _ in 0..10 {
            let mut browser = app.browser();
            let request = browser.request(method.clone(), "/app").body("something");
            browser.send(request).await.expect(200);
        }
    }
    assert_eq!(good.asked(), 20);
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_a_502() {
    let config = format!("address = \"127.0.0.1:{}\"", e2e::free_port());
    let app = Application::start(&routes(&config, ""), &[]).await;
    app.get("/app").await.expect_error(502, "The upstream did not answer");
    let config = "address = \"nowhere.invalid:80\"";
    app.write(&routes(config, ""));
    app.wait_for("routes_generation", 2).await;
    app.get("/app").await.expect_error(502, "The upstream did not answer");
}

// Timeouts

#[tokio::test]
async fn an_upstream_that_says_nothing_is_not_waited_for() {
    let upstream = Upstream::start(Manner::IsSilent).await;
    let config = format!("{}{NO_EJECTION}", addresses(&[&upstream]));
    let route = "retries = 0\ntimeouts = { read = \"200ms\" }";
    let app = Application::start(&routes(&config, route), &[]).await;
    app.get("/app").await.expect_error(504, "The upstream took too long");
    assert_eq!(upstream.asked(), 1);
}

#[tokio::test]
async fn retries_do_not_make_a_request_last_longer_than_it_may() {
    let upstream = Upstream::start(Manner::IsSilent).await;
    let config = format!("{}{NO_EJECTION}", addresses(&[&upstream]));
    let route = "retries = 3\ntimeouts = { read = \"1h\", total = \"300ms\" }";
    let app = Application::start(&routes(&config, route), &[]).await;
    app.get("/app").await.expect_error(504, "The upstream took too long");
    assert_eq!(upstream.asked(), 1);
}

#[tokio::test]
async fn an_answer_that_never_ends_is_ended() {
    let upstream = Upstream::start(Manner::Drips).await;
    let route = "timeouts = { read = \"1h\", total = \"300ms\" }";
    let app = Application::start(&routes(&addresses(&[&upstream]), route), &[]).await;
    let url = format!("{}/app", app.stack.urls().gateway_url);
    let answer = reqwest::get(url).await.expect("it begins");
    assert_eq!(answer.status(), 200);
    answer.bytes().await.expect_err("it is cut off");
    assert_eq!(upstream.asked(), 1);
}
