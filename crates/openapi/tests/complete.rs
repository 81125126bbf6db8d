//! The description leaves out no route, and names none that is not there.

use std::collections::BTreeSet;

use gateway::{
    app_routes::AppRoutes,
    route_table::{self, Destination, Edge, SESSION_PATHS},
};
use http::Method;
use serde_json::Value;
use utoipa::openapi::OpenApi;

fn operations(document: &OpenApi) -> BTreeSet<(Method, String)> {
    let paths = document.paths.paths.iter();
    let all = paths.flat_map(|(path, item)| {
        let operations = [(Method::GET, &item.get), (Method::POST, &item.post)];
        operations.map(|(method, operation)| operation.as_ref().map(|_| (method, path.clone())))
    });
    all.flatten().collect()
}

#[test]
fn every_path_of_the_gateways_table_is_described() {
    let described: BTreeSet<_> =
        operations(&openapi::describe()).into_iter().map(|(_, path)| path).collect();
    let edge = Edge::ALL.into_iter().map(|route| route.path().to_owned());
    let session = SESSION_PATHS.into_iter().map(|path| format!("/api/auth/{path}"));
    for path in edge.chain(session) {
        assert!(described.contains(&path), "{path} is not described");
    }
}

#[test]
fn the_gateway_sends_what_a_service_describes_to_that_service() {
    for (service, part) in openapi::services() {
        for (method, path) in operations(&part) {
            let leads_to = route_table::find(&method, &path, &AppRoutes::default());
            let is_its_own = matches!(leads_to, Destination::Service(found) if found == service);
            assert!(is_its_own, "{method} {path}: {leads_to:?}");
        }
    }
}

/// `routes!` takes no handler that is not described; `route` would.
#[test]
fn services_add_routes_by_routes_alone() {
    for service in ["identity-svc", "session-svc", "mfa-svc"] {
        let file = format!("{}/../../{service}/src/app.rs", env!("CARGO_MANIFEST_DIR"));
        let source = std::fs::read_to_string(&file).unwrap();
        for way in [".route(", ".nest(", ".fallback("] {
            assert!(!source.contains(way), "{file} adds a route that nobody describes, by {way}");
        }
    }
}

/// Of two schemas with one name, only one would be kept.
#[test]
fn services_agree_about_what_a_name_means() {
    let schemas = |document: &OpenApi| {
        let document = serde_json::to_value(document).unwrap();
        document["components"]["schemas"].as_object().cloned().unwrap_or_default()
    };
    let merged = schemas(&openapi::describe());
    for (service, part) in openapi::services() {
        for (name, schema) in schemas(&part) {
            assert_eq!(
                without_words(merged[&name].clone()),
                without_words(schema),
                "{service:?}: {name}"
            );
        }
    }
}

fn without_words(mut schema: Value) -> Value {
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("description");
    }
    schema
}
