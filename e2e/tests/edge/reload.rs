//! A new routes file takes the place of the one before.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use e2e::{Browser, own_stack};
use stack::{Options, Process, Stack};

use crate::{
    application::Application,
    upstream::{Manner, Upstream},
};

const ASKING_AT_ONCE: usize = 24;
const RELOADS: i64 = 30;

fn routes(upstream: &Upstream, more: &str) -> String {
    let address = upstream.address;
    format!(
        "[upstreams.app]\naddress = \"{address}\"\n\
         [[routes]]\nprefix = \"/app\"\nupstream = \"app\"\npolicy = \"public\"\n{more}"
    )
}

const REFUSED: &str = "routes_reloads_total{outcome=\"Refused\"}";

#[tokio::test]
async fn a_reload_under_load_fails_no_request() {
    let (one, other) =
        (Upstream::start(Manner::Answers(200)).await, Upstream::start(Manner::Answers(200)).await);
    let app = Application::start(&routes(&one, ""), &[]).await;
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let callers: Vec<_> = (0..ASKING_AT_ONCE)
        .map(|_| {
            let (mut browser, stop, asked) = (app.browser(), Arc::clone(&stop), Arc::clone(&asked));
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    browser.get("/app/x").await.expect(200);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for reload in 1..=RELOADS {
        let to = if reload % 2 == 0 { &one } else { &other };
        app.write(&routes(to, ""));
        app.wait_for("routes_generation", reload + 1).await;
    }
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.expect("every answer was 200");
    }
    let asked = asked.load(Ordering::Relaxed);
    assert_eq!(one.asked() + other.asked(), asked);
    assert!(one.asked() > 0 && other.asked() > 0 && asked > 100, "{asked}");
}

#[tokio::test]
async fn a_file_with_a_mistake_changes_nothing_and_says_why() {
    let upstream = Upstream::start(Manner::Answers(200)).await;
    let app = Application::start(&routes(&upstream, ""), &[]).await;
    for (count, mistake) in [(1, "[[routes]\n"), (2, "[[routes]]\nprefix = \"/new\"\n")] {
        app.write(&routes(&upstream, mistake));
        app.wait_for(REFUSED, count).await;
        app.get("/app").await.expect(200);
        app.get("/new").await.expect(404);
    }
    assert_eq!(app.metric("routes_generation").await, Some(1));
    let log = std::fs::read_to_string(app.stack.log_file(Process::Gateway)).expect("a log");
    assert!(log.contains("route /new: needs an upstream"), "{log}");
    // And one in order is taken after that.
    let more = "[[routes]]\nprefix = \"/new\"\nupstream = \"app\"\npolicy = \"public\"\n";
    app.write(&routes(&upstream, more));
    app.wait_for("routes_generation", 2).await;
    app.get("/new").await.expect(200);
}

#[tokio::test]
async fn a_route_that_is_taken_away_is_gone() {
    let upstream = Upstream::start(Manner::Answers(200)).await;
    let app = Application::start(&routes(&upstream, ""), &[]).await;
    app.get("/app").await.expect(200);
    app.write("");
    app.wait_for("routes_generation", 2).await;
    app.get("/app").await.expect_error(404, "Not found");
}

#[tokio::test]
async fn a_gateway_does_not_start_with_a_file_that_has_mistakes_and_names_them_all() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("routes.toml");
    std::fs::write(&file, "[[routes]]\nprefix = \"/a\"\n[[routes]]\npath = \"b\"\n")
        .expect("written");
    let env = vec![("ROUTES_FILE".to_owned(), file.display().to_string())];
    let options = Options { quiet: true, env, ..Options::new(dir.path().join("stack")) };
    let Err(error) = Stack::start(options).await else { panic!("it started") };
    let error = format!("{error:#}");
    for mistake in ["route /a: needs an upstream", "route b: a path begins with /", "3 mistakes"] {
        assert!(error.contains(mistake), "{mistake}: {error}");
    }
}

/// What was counted for a route is not forgotten when another one is added.
#[tokio::test]
async fn a_limit_goes_on_counting_over_a_reload() {
    let upstream = Upstream::start(Manner::Answers(200)).await;
    let limited = "limit = { requests = 2, window = \"1h\" }\n";
    let app = Application::start(&routes(&upstream, limited), &[]).await;
    app.get("/app").await.expect(200);
    app.get("/app").await.expect(200);
    let more = format!("{limited}[[routes]]\nprefix = \"/new\"\nupstream = \"app\"\n");
    app.write(&routes(&upstream, &more));
    app.wait_for("routes_generation", 2).await;
    app.get("/app").await.expect(429);
}

/// Without a file there is nothing to read again, and SIGHUP ends nothing.
#[tokio::test]
async fn a_gateway_without_a_routes_file_outlives_sighup() {
    let (stack, _dir) = own_stack(&[("ROUTES_FILE", "")]).await;
    let pid = stack.pid(Process::Gateway).expect("it runs");
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).expect("it runs");
    let mut browser = Browser::new(stack.urls());
    browser.get("/api/servers").await.expect(404);
    browser.get("/health").await.expect(200);
    assert_eq!(stack.pid(Process::Gateway), u32::try_from(pid.as_raw_nonzero().get()).ok());
}
