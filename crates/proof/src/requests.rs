//! Every route of the API, asked so that nothing becomes of it: what a program asks that wants to know everything.

use crate::http::{self, Answer, basic_auth};
use crate::tower::ADMIN_PASSWORD;
use serde_json::Value;
use std::io;
use std::net::SocketAddr;

/// Answers that do not end, so a program that wants them all does not ask for them.
const ENDLESS: [&str; 2] = ["/events", "/admin/monitor"];

/// Where a title is set: each is told to every dashboard, which then looks anew.
const TITLES: [&str; 3] = ["/api/now-playing", "/admin/metadata", "/admin.cgi"];

/// Method, target, body, and the answers that are right.
type Row = (&'static str, &'static str, &'static str, &'static [u16]);

/// The routes that want more than their path, or are answered otherwise than by 200. What is changed becomes what it was,
/// and who is to be sent away is not there.
const ROWS: &[Row] = &[
    ("get", "/healthz", "", &[200, 503]),
    ("get", "/api/cover?id=none", "", &[404]),
    ("get", "/tower/events", "", &[400]),
    // A hundred a second are taken from one address.
    ("post", "/tower/events/ingest", r#"{"event_type": "asked", "timestamp": 0, "metadata": {}}"#, &[204, 429]),
    ("get", "/admin/listeners?from=0&limit=1000", "", &[200]),
    ("get", "/admin/listeners?from=5000&limit=1000", "", &[200]),
    ("get", "/admin/listclients?mount=/stream", "", &[200]),
    ("get", "/admin/killclient?mount=/stream&id=0", "", &[400]),
    ("post", "/admin/killclient?mount=/stream&id=0", "", &[400]),
    ("get", "/admin/killsource?mount=/nowhere", "", &[400]),
    ("post", "/admin/killsource?mount=/nowhere", "", &[400]),
    ("put", "/api/now-playing", r#"{"artist": "Everybody", "title": "Asked"}"#, &[202]),
    ("get", "/admin/metadata?mode=updinfo&song=Asked", "", &[200]),
    ("post", "/admin/metadata", "mode=updinfo&song=Asked", &[200]),
    ("get", "/admin.cgi?pass=proof&mode=updinfo&song=Asked", "", &[200]),
    ("post", "/admin.cgi?pass=proof&mode=updinfo", "song=Asked", &[200]),
    ("put", "/api/inputs/allowed", r#"{"input": "station", "allowed": true}"#, &[202]),
    ("put", "/api/inputs/preferred", r#"{"input": null}"#, &[202]),
    ("put", "/api/fallback/forced", r#"{"forced": false}"#, &[202]),
    // No playlist is on air where everything is asked.
    ("post", "/api/skip", "", &[409]),
    ("post", "/api/encoder/restart", r#"{"mount": "/nowhere"}"#, &[404]),
    ("post", "/api/listeners/kick", r#"{"id": 0}"#, &[404]),
    ("post", "/admin/reload", "", &[200]),
    ("post", "/api/session", "{}", &[400]),
    ("delete", "/api/session", "", &[200]),
];

/// One thing to ask for, as the administrator.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    /// Path and query.
    pub target: String,
    body: String,
    wanted: Vec<u16>,
    /// Whether it sets a title, which no program does as fast as it can.
    pub is_title: bool,
}

impl Request {
    /// Asks for it, on a connection of its own.
    ///
    /// # Errors
    /// When nobody answers.
    pub fn ask(&self, address: SocketAddr) -> io::Result<Answer> {
        let authorization = basic_auth("admin", ADMIN_PASSWORD) + "Connection: close\r\n";
        http::send(address, &self.method.to_uppercase(), &self.target, &authorization, self.body.as_bytes())
    }

    /// Whether it is answered by this status, as it should be.
    #[must_use]
    pub fn wants(&self, status: u16) -> bool {
        self.wanted.contains(&status)
    }
}

/// Each method of each path of the tower's own description but HEAD, which goes with GET.
#[track_caller]
#[must_use]
pub fn all(address: SocketAddr) -> Vec<Request> {
    let document = http::get(address, "/api/openapi.json", "").expect("the description of the API").json();
    let paths = document["paths"].as_object().expect("paths");
    let ends = paths.iter().filter(|(path, _)| !ENDLESS.contains(&path.as_str()));
    ends.flat_map(|(path, methods)| methods_of(methods).flat_map(|method| of(&method, path))).collect()
}

fn methods_of(path: &Value) -> impl Iterator<Item = String> {
    let known = ["get", "put", "post", "delete"].into_iter().filter(|method| path[method].is_object());
    known.map(str::to_owned)
}

/// How a method of a path is asked. Nothing is changed of which this file does not say how.
#[track_caller]
fn of(method: &str, path: &str) -> Vec<Request> {
    let is_it = |target: &str| target.split('?').next() == Some(path);
    let rows: Vec<&Row> = ROWS.iter().filter(|row| row.0 == method && is_it(row.1)).collect();
    let plain: Row = ("get", "", "", &[200]);
    assert!(!rows.is_empty() || method == "get", "say in requests.rs how {method} {path} is asked without harm");
    let request = |&(_, target, body, wanted): &Row| Request {
        method: method.to_owned(),
        target: if target.is_empty() { path } else { target }.to_owned(),
        body: body.to_owned(),
        wanted: wanted.to_vec(),
        is_title: !target.is_empty() && TITLES.contains(&path),
    };
    if rows.is_empty() { vec![request(&plain)] } else { rows.into_iter().map(request).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_asked_by_its_path_or_as_its_rows_say() {
        let targets = |method, path| of(method, path).into_iter().map(|request| request.target).collect::<Vec<_>>();
        assert_eq!(targets("get", "/status"), ["/status"]);
        assert_eq!(targets("get", "/admin/listeners").len(), 2);
        assert_eq!(targets("put", "/api/fallback/forced"), ["/api/fallback/forced"]);
    }

    #[test]
    #[should_panic(expected = "how put /api/volume is asked")]
    fn nothing_is_changed_that_is_not_known() {
        let _requests = of("put", "/api/volume");
    }
}
