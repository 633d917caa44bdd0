//! The API's own description, after OpenAPI 3.1: paths, methods and who may use them from the table of routes, so that
//! none can be missing; bodies and answers from `openapi.json`.

use super::routes::{self, Class, ROUTES, Route};
use crate::state::Tower;
use axum::routing::get;
use axum::{Json, Router};
use radio_base::journal::event;
use serde_json::{Map, Value, json};
use std::sync::{Arc, LazyLock};

/// Bodies, answers and their schemas.
const DETAILS: &str = include_str!("openapi.json");

static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

/// The route of this file.
pub fn router() -> Router<Arc<Tower>> {
    Router::new().route("/api/openapi.json", get(|| async { Json(&*DOCUMENT) }))
}

/// The whole document.
#[must_use]
pub fn document() -> Value {
    // That it can be read is tested; a document without details is better than none.
    let details: Value = serde_json::from_str(DETAILS).unwrap_or_default();
    let mut paths = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        for method in route.methods {
            path[method.to_lowercase()] = operation(route, method, &details["operations"]);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Radio Tower",
            "version": env!("CARGO_PKG_VERSION"),
            "x-api-version": super::answer::VERSION,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
            "description": "The API of a transmitter for internet radio. Streams are at the mounts that /status names. Fields may \
                be added; those that are here stay for as long as answers carry X-Tower-Api: 1. A tick lasts 24 ms and has a serial, counted anew in each life of the tower, \
                which its epoch names.",
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": with_events(details["components"].clone()),
    })
}

/// What an event has is known from its type.
fn with_events(mut components: Value) -> Value {
    components["schemas"]["EventData"] = event::schema();
    components
}

fn operation(route: &Route, method: &str, details: &Value) -> Value {
    let what = if method == "HEAD" { "GET" } else { method };
    let mut operation = details[format!("{what} {}", route.path)].clone();
    if operation.is_null() {
        operation = json!({ "responses": { "200": { "description": route.about } } });
    }
    if method == "HEAD" {
        without_bodies(&mut operation["responses"]);
    }
    operation["summary"] = json!(route.about);
    operation["operationId"] =
        json!(format!("{} {}", method.to_lowercase(), route.path).replace(['/', '.', ' ', '-'], "_"));
    operation["security"] = json!([]);
    if route.path == routes::STATUS {
        operation["security"] = json!([{}, { "basic": [] }, { "bearer": [] }, { "query": [] }, { "session": [] }]);
    }
    let responses = &mut operation["responses"];
    // Refused before the route is known.
    responses["414"] = refer_to("UriTooLong", method);
    responses["431"] = refer_to("HeadTooLarge", method);
    if routes::is_for_own_pages(route, method) && responses["403"].is_null() {
        responses["403"] = refer_to("Foreign", method);
    }
    if !matches!(method, "GET" | "HEAD") {
        responses["408"] = refer_to("TooSlow", method);
        responses["413"] = refer_to("TooLong", method);
    }
    if route.class == Class::Station {
        // Nothing is asked for where no password is configured.
        operation["security"] = json!([{}, { "basic": [] }, { "bearer": [] }]);
        operation["responses"]["401"] = refer_to("NotAdmitted", method);
        operation["responses"]["429"] = refer_to("TooManyGuesses", method);
    }
    if let Class::Role(role) = route.class {
        operation["security"] =
            json!([{ "basic": [] }, { "bearer": [] }, { "query": [] }, { "session": [], "token": [] }]);
        operation["responses"]["401"] = refer_to("NotAdmitted", method);
        operation["responses"]["403"] = refer_to("NotPermitted", method);
        if operation["responses"]["429"].is_null() {
            operation["responses"]["429"] = refer_to("TooManyGuesses", method);
        }
        operation["x-role"] = json!(role);
    }
    operation
}

fn refer_to(response: &str, method: &str) -> Value {
    if method == "HEAD" {
        return json!({ "description": "Not let in" });
    }
    json!({ "$ref": format!("#/components/responses/{response}") })
}

/// HEAD is answered like GET, with nothing behind the head.
fn without_bodies(responses: &mut Value) {
    for (_, response) in responses.as_object_mut().into_iter().flatten() {
        let text = response["description"].as_str().unwrap_or("As for GET").to_owned();
        *response = json!({ "description": text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::routes::SKIP;
    use std::collections::BTreeSet;

    fn details() -> Value {
        serde_json::from_str(DETAILS).expect("openapi.json is JSON")
    }

    #[test]
    fn every_route_and_method_is_described_and_none_more() {
        let of_table: BTreeSet<String> = ROUTES
            .iter()
            .flat_map(|route| route.methods.iter().map(|method| format!("{} {}", method.to_lowercase(), route.path)))
            .collect();
        let document = document();
        let paths = document["paths"].as_object().expect("paths");
        let of_document = paths.iter().flat_map(|(path, methods)| {
            methods.as_object().into_iter().flatten().map(move |(method, _)| format!("{method} {path}"))
        });
        assert_eq!(of_document.collect::<BTreeSet<_>>(), of_table);
    }

    /// What is not written down by hand gets a description that says nothing: good enough for a file.
    #[test]
    fn every_route_but_the_pages_is_described_by_hand() {
        let details = details();
        let is_page = |route: &Route| crate::http::page::paths().any(|path| path == route.path);
        for route in ROUTES.iter().filter(|route| !is_page(route)) {
            for method in route.methods.iter().filter(|method| **method != "HEAD") {
                let responses = &details["operations"][format!("{method} {}", route.path)]["responses"];
                let is_answered = |status: &String| status.starts_with('1') || status.starts_with('2');
                let is_described = responses.as_object().is_some_and(|all| all.keys().any(is_answered));
                assert!(is_described, "{method} {} is missing in openapi.json", route.path);
            }
        }
    }

    #[test]
    fn no_detail_is_of_a_route_that_is_gone() {
        for key in details()["operations"].as_object().expect("operations").keys() {
            let (method, path) = key.split_once(' ').expect("METHOD /path");
            assert!(ROUTES.iter().any(|route| route.path == path && route.methods.contains(&method)), "{key}");
        }
    }

    #[test]
    fn what_changes_something_by_a_body_says_what_to_send() {
        let document = document();
        // The path alone says all of it.
        let has_body = |route: &&Route| route.path.starts_with("/api/") && route.path != SKIP;
        for route in ROUTES.iter().filter(has_body) {
            for method in route.methods.iter().filter(|method| matches!(**method, "PUT" | "POST")) {
                let operation = &document["paths"][route.path][method.to_lowercase()];
                let content = &operation["requestBody"]["content"]["application/json"];
                assert!(content["example"].is_object() && content["schema"].is_object(), "{method} {}", route.path);
            }
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_schema_is_used() {
        fn references(value: &Value, found: &mut BTreeSet<String>) {
            match value {
                Value::Object(map) => map.iter().for_each(|(key, value)| match value.as_str() {
                    Some(target) if key == "$ref" => _ = found.insert(target.to_owned()),
                    _ => references(value, found),
                }),
                Value::Array(list) => list.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let (document, mut found) = (document(), BTreeSet::new());
        references(&document, &mut found);
        for target in &found {
            assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{target}");
        }
        for section in ["schemas", "responses"] {
            for name in document["components"][section].as_object().expect(section).keys() {
                assert!(found.contains(&format!("#/components/{section}/{name}")), "{name} is used nowhere");
            }
        }
    }
}
