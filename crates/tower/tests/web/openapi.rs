//! The API's description is served, and the answers of a real tower are what it says.

use crate::common;
use radio_proof::http::send;
use radio_proof::station::{Manner, Station};
use radio_proof::{material, tower::Tower};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// What in `value` is not as `schema` says. Knows as much of JSON Schema as the description uses.
fn faults(document: &Value, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    if let Some(target) = schema["$ref"].as_str() {
        let target = document.pointer(target.trim_start_matches('#')).expect("a reference leads somewhere");
        return faults(document, target, value, place);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = choices.iter().filter(|choice| faults(document, choice, value, place).is_empty()).count();
        return if fits == 1 { Vec::new() } else { vec![format!("{place}: {fits} choices fit {value}")] };
    }
    let mut found: Vec<String> = schema["allOf"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|part| faults(document, part, value, place))
        .collect();
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    if !types.is_empty() && !types.iter().any(|name| is_a(value, name)) {
        found.push(format!("{place}: {value} is no {types:?}"));
    }
    if !schema["const"].is_null() && schema["const"] != *value {
        found.push(format!("{place}: {value} is not {}", schema["const"]));
    }
    if schema["enum"].as_array().is_some_and(|values| !values.contains(value)) {
        found.push(format!("{place}: {value} is none of {}", schema["enum"]));
    }
    if let Some(object) = value.as_object() {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        found.extend(required.filter(|name| !object.contains_key(*name)).map(|name| format!("{place}: no {name}")));
        for (name, value) in object {
            match schema["properties"].get(name) {
                Some(schema) => found.extend(faults(document, schema, value, &format!("{place}.{name}"))),
                None if schema["additionalProperties"] == false => {
                    found.push(format!("{place}: {name} is not described"));
                }
                None => {}
            }
        }
    }
    for one in value.as_array().into_iter().flatten().filter(|_| schema["items"].is_object()) {
        found.extend(faults(document, &schema["items"], one, &format!("{place}[]")));
    }
    found
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => panic!("no type {name}"),
    }
}

fn schema_of(operation: &Value, status: u16) -> Option<&Value> {
    operation["responses"][status.to_string()]["content"]["application/json"].get("schema")
}

fn described(tower: &Tower) -> Value {
    let document = tower.get("/api/openapi.json").json();
    assert_eq!(document["openapi"], "3.1.0");
    document
}

#[test]
fn what_the_tower_answers_is_what_its_description_says() {
    let webhook = "webhook = [{ url = \"http://127.0.0.1:1/\", secret = \"0123456789abcdef\", kinds = [\"on_air\"] }]";
    let tower = common::setup().line(webhook).start();
    let manner = Manner { looped: true, ..Manner::default() };
    let _station = Station::start(&tower.pcm_socket(), Arc::new(material::music(0, 20, 5)), manner);
    tower.wait_source("station", Duration::from_secs(20));
    let _listener = tower.listen("/stream");
    let document = described(&tower);
    let paths = document["paths"].as_object().expect("paths");
    let mut checked = 0;
    // First what sets something, so that there is something to be got.
    for method in ["put", "get"] {
        for (path, operation) in paths.iter().filter_map(|(path, methods)| Some((path, methods.get(method)?))) {
            let example = &operation["requestBody"]["content"]["application/json"]["example"];
            let is_json = operation["responses"].as_object().expect("responses").keys();
            if !is_json.into_iter().any(|status| schema_of(operation, status.parse().unwrap_or(0)).is_some()) {
                continue;
            }
            let answer = match method {
                "get" => tower.get_as_admin(path),
                _ => tower.send_as_admin("PUT", path, &example.to_string()),
            };
            let status = answer.head.status();
            assert!(operation["responses"][status.to_string()].is_object(), "{method} {path}: {status}");
            // What Icecast and Shoutcast know is no JSON.
            let Some(schema) = schema_of(operation, status) else { continue };
            let content_type = answer.head.header("content-type").unwrap_or_default().to_owned();
            let (content_type, _) = content_type.split_once(';').unwrap_or((&content_type, ""));
            let response = &operation["responses"][status.to_string()]["content"];
            assert!(response[content_type].is_object(), "{method} {path}: {content_type}");
            if content_type != "application/json" {
                continue;
            }
            let found = faults(&document, schema, &answer.json(), path);
            assert!(found.is_empty(), "{method} {path}: {found:#?}");
            checked += 1;
        }
    }
    assert!(checked >= 14, "only {checked} answers were checked");
}

#[test]
fn the_check_finds_what_is_missing_wrong_or_not_described() {
    let schema = serde_json::json!({
        "type": "object", "required": ["a"], "additionalProperties": false,
        "properties": { "a": { "type": ["integer", "null"] }, "b": { "type": "array", "items": { "type": "string" } } }
    });
    let faults = |text: &str| faults(&Value::Null, &schema, &serde_json::from_str(text).expect("JSON"), "x").len();
    assert_eq!(faults("{\"a\": null, \"b\": [\"c\"]}"), 0);
    for wrong in ["{}", "{\"a\": 1.5}", "{\"a\": 1, \"b\": [1]}", "{\"a\": 1, \"c\": 1}", "[]"] {
        assert_eq!(faults(wrong), 1, "{wrong}");
    }
}

#[test]
fn a_query_that_cannot_be_read_is_refused_as_json_that_says_where_to_look() {
    let tower = common::setup().start();
    for target in ["/api/events?limit=many", "/api/recent?after=-1", "/admin/listeners?from=x"] {
        let answer = tower.get_as_admin(target);
        assert_eq!(answer.head.status(), 400, "{target}");
        let text = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(text.ends_with("/api/openapi.json says what can be asked for"), "{text}");
    }
    let options = send(tower.address, "OPTIONS", "/api/inputs/allowed", "", b"").expect("an answer");
    assert_eq!(options.head.header("allow"), Some("PUT, OPTIONS"));
    let elsewhere = options.head.header("access-control-allow-methods");
    assert_eq!(elsewhere, Some("GET, HEAD, OPTIONS"), "no other site changes anything");
}

#[test]
fn a_request_that_is_too_long_for_any_route_is_refused_as_the_description_says() {
    let tower = common::setup().start();
    let document = described(&tower);
    let (query, header) = ("a".repeat(3000), format!("X-Long: {}\r\n", "a".repeat(9000)));
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            for status in ["414", "431"] {
                assert!(operation["responses"][status].is_object(), "{method} {path}: {status}");
            }
        }
    }
    for (target, extra, status) in [(format!("/status?{query}"), "", 414), ("/status".into(), header.as_str(), 431)] {
        let answer = send(tower.address, "GET", &target, extra, b"").expect("an answer");
        assert_eq!(answer.head.status(), status);
        let name = document["paths"]["/status"]["get"]["responses"][status.to_string()]["$ref"].as_str().expect("one");
        let response = document.pointer(name.trim_start_matches('#')).expect("it is described");
        assert!(response["content"]["text/plain"].is_object(), "{status}");
        assert!(answer.head.header("content-type").is_some_and(|it| it.starts_with("text/plain")), "{status}");
    }
}
