//! The dashboard asks for nothing that is not measured.

use std::collections::BTreeSet;

use e2e::{Browser, Handshake, eventually, shared};
use serde_json::Value;
use stack::{Process, Urls};

const DASHBOARD: &str = include_str!("../../../deploy/grafana/stellar-auth.json");

/// Names of metrics in a query: words that are neither functions, labels nor values.
fn metrics_in(query: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut rest = query;
    while let Some(start) = rest.find(is_word) {
        let word: String =
            rest[start..].chars().take_while(|character| is_word(*character)).collect();
        let after = rest[start + word.len()..].trim_start();
        let is_name = word.contains('_') && !after.starts_with('(') && !after.starts_with('=');
        if is_name && !rest[..start].ends_with('$') && word != "histogram_quantile" {
            found.insert(word.clone());
        }
        rest = &rest[start + word.len()..];
    }
    found
}

fn queries(value: &Value) -> Vec<&str> {
    let panels = value["panels"].as_array().expect("panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.map(|target| target["expr"].as_str().expect("a query")).collect()
}

async fn pages(urls: &Urls) -> String {
    let mut pages = String::new();
    for (process, url) in &urls.admin {
        if Process::ALL.contains(process) && *process != Process::Panel {
            let page = reqwest::get(format!("{url}/metrics")).await.expect("a page");
            pages.push_str(&page.text().await.expect("text"));
        }
    }
    pages
}

#[tokio::test]
async fn every_metric_of_the_dashboard_is_measured() {
    let urls = shared().await;
    let mut user = Browser::new(&urls).sign_up().await;
    user.browser.get("/api/servers").await.expect(200);
    Handshake::new(&urls, "/api/ws").from_somewhere().expect_open().await;
    // What has never happened is on no page; the socket has just closed.
    let pages = eventually(|| async {
        let pages = pages(&urls).await;
        pages.contains("websockets_closed_total{").then_some(pages)
    });
    let pages = pages.await.expect("a closed socket");
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let queries = queries(&dashboard);
    let names: BTreeSet<_> = queries.iter().flat_map(|query| metrics_in(query)).collect();
    assert!(names.len() >= 12, "{names:?}");
    for name in names {
        let (base, kind) = match (name.strip_suffix("_total"), name.strip_suffix("_bucket")) {
            (Some(base), _) => (base, "counter"),
            (_, Some(base)) => (base, "histogram"),
            _ => (&*name, "gauge"),
        };
        let line = format!("# TYPE {base} {kind}\n");
        assert!(pages.contains(&line), "{name} is not measured");
    }
}
