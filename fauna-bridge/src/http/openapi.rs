//! `GET /openapi.json`: all of this as `OpenAPI` 3.1, for those who generate clients.
//!
//! Written by hand, because most bodies are bytes that no type describes; that it is complete is tested here, and that it is true against
//! a running bridge in `sdk-node/test/e2e/openapi.test.ts`.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

const DESCRIPTION: &str = include_str!("../../openapi.json");

/// The description.
pub async fn get() -> Response {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], DESCRIPTION).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What the sources route, as `get /path`: a router cannot be asked.
    fn routed() -> BTreeSet<String> {
        let sources = [include_str!("../http.rs"), include_str!("ofrep.rs")].concat();
        let routes = sources.split(".route(").skip(1).flat_map(|route| {
            let (path, rest) = route.split_once(',').unwrap();
            let path = if path == "ofrep::EVENTS_PATH" {
                crate::ofrep::EVENTS_PATH
            } else {
                path.trim().trim_matches('"')
            };
            let handlers = rest.split('\n').next().unwrap();
            let methods = ["get", "post", "put", "patch", "delete"].into_iter().filter(|name| {
                handlers.contains(&format!(" {name}(")) || handlers.contains(&format!(".{name}("))
            });
            methods.map(|method| format!("{method} {path}")).collect::<Vec<_>>()
        });
        routes.collect()
    }

    #[test]
    fn every_route_is_described_and_nothing_else_is() {
        let description: serde_json::Value = serde_json::from_str(DESCRIPTION).unwrap();
        let described: BTreeSet<String> = description["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                item.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
            })
            .collect();
        assert!(routed().len() > 10, "{:?}", routed());
        assert_eq!(routed(), described);
        assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
    }
}
