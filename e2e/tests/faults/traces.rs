//! One request, seen by a collector of OTLP.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::State, routing::post};
use e2e::{Browser, PASSWORD, eventually, own_stack};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value, trace::v1::Span,
};
use prost::Message;
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpListener;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

type Received = Arc<Mutex<Vec<Bytes>>>;

async fn collector() -> (String, Received) {
    let received = Received::default();
    let take = async |State(received): State<Received>, body: Bytes| {
        received.lock().expect("whole").push(body);
    };
    let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&received));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (endpoint, received)
}

/// The spans of our trace, by the service that made them.
fn spans(received: &Received) -> BTreeMap<String, Vec<Span>> {
    let mut by_service: BTreeMap<String, Vec<Span>> = BTreeMap::new();
    for body in received.lock().expect("whole").iter() {
        let export = ExportTraceServiceRequest::decode(body.clone()).expect("OTLP");
        for resource in export.resource_spans {
            let attributes = resource.resource.expect("a resource").attributes;
            let name = attributes.into_iter().find(|attribute| attribute.key == "service.name");
            let Some(Value::StringValue(name)) = name.and_then(|name| name.value?.value) else {
                panic!("a service has a name");
            };
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            let ours = spans.filter(|span| hex(&span.trace_id) == TRACE);
            by_service.entry(name).or_default().extend(ours);
        }
    }
    by_service
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

#[tokio::test]
async fn a_sign_in_is_one_trace_through_the_gateway_http_and_nats() {
    let (endpoint, received) = collector().await;
    let (stack, _dir) = own_stack(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]).await;
    let user = Browser::new(stack.urls()).sign_up().await;
    let mut browser = Browser::new(stack.urls());
    let request = browser
        .request(Method::POST, "/api/auth/sign-in/email?canary=in-the-query")
        .header("traceparent", format!("00-{TRACE}-{PARENT}-01"))
        .json(&json!({ "email": user.email, "password": PASSWORD }));
    let answer = browser.send(request).await.expect(200).json();

    let found = eventually(|| async {
        let spans = spans(&received);
        let all = ["gateway", "identity-svc", "session-svc"];
        all.iter()
            .all(|name| spans.get(*name).is_some_and(|spans| !spans.is_empty()))
            .then_some(spans)
    });
    let spans = found.await.expect("three services made spans of it");
    let gateway = &spans["gateway"][0];
    assert_eq!(hex(&gateway.parent_span_id), PARENT);
    assert_eq!(gateway.name, "POST identity-svc");
    let child_of = |service: &str, parents: &[Span]| {
        let parents: Vec<_> = parents.iter().map(|span| &span.span_id).collect();
        spans[service].iter().any(|span| parents.contains(&&span.parent_span_id))
    };
    assert!(child_of("identity-svc", &spans["gateway"]), "over HTTP");
    assert!(child_of("session-svc", &spans["identity-svc"]), "over NATS");

    let token = answer["token"].as_str().expect("a token").to_owned();
    for body in received.lock().expect("whole").iter() {
        let text = String::from_utf8_lossy(body);
        for secret in [PASSWORD, &token, &user.email, "in-the-query"] {
            assert!(!text.contains(secret), "{secret} is in a trace");
        }
    }
}

/// Without a collector a trace goes on as it came.
#[tokio::test]
async fn an_application_sees_the_trace_that_the_client_named() {
    let (stack, _dir) = own_stack(&[]).await;
    let mut browser = Browser::new(stack.urls());
    let parent = format!("00-{TRACE}-{PARENT}-01");
    let request = browser
        .request(Method::GET, "/api/public")
        .header("traceparent", &parent)
        .header("tracestate", "a=b");
    let seen = browser.send(request).await.expect(200).json();
    assert_eq!(seen["headers"]["traceparent"], json!([parent]));
    assert_eq!(seen["headers"]["tracestate"], json!(["a=b"]));
}
