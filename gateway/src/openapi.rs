//! The gateway's own routes in the description of the API.

use utoipa::OpenApi;

use crate::edge;

#[derive(OpenApi)]
#[openapi(paths(
    edge::doctor::answer,
    edge::ok,
    edge::health,
    edge::jwks,
    edge::post_get_session,
    edge::get_session::answer,
    edge::ws_token::answer,
    edge::reference::description,
    edge::reference::page,
    edge::verify::answer,
    edge::verify::below,
))]
struct Described;

#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Described::openapi()
}

#[cfg(test)]
mod tests {
    use crate::route_table::Edge;

    #[test]
    fn every_route_of_the_edge_is_described() {
        let described = super::openapi();
        for route in Edge::ALL {
            let path = described.paths.paths.get(route.path());
            let path = path.unwrap_or_else(|| panic!("{} is not described", route.path()));
            let operation = if route == Edge::PostGetSession { &path.post } else { &path.get };
            assert!(operation.is_some(), "{route:?} is not described");
        }
    }
}
