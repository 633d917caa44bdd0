//! Every route of the API and who may use it, in one table (SPEC API-1). Mounts are public and come from the
//! configuration.

use radio_config::Role;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Anybody.
    Public,
    /// The station that feeds the tower, by its password; open like the PCM socket where none is configured.
    Station,
    /// Users of this role at least, by password, token or session. That a request comes from loopback is no credential.
    Role(Role),
}

const OBSERVER: Class = Class::Role(Role::Observer);
const OPERATOR: Class = Class::Role(Role::Operator);
const ADMIN: Class = Class::Role(Role::Admin);

/// One route.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Route {
    /// Path, exact.
    pub path: &'static str,
    /// What may be asked of it; HEAD goes with GET where that changes nothing, and OPTIONS is always answered.
    pub methods: &'static [&'static str],
    /// Who may use it.
    pub class: Class,
    /// What it gives, in a few words.
    pub about: &'static str,
}

const GET: &[&str] = &["GET", "HEAD"];

const fn route(path: &'static str, methods: &'static [&'static str], class: Class, about: &'static str) -> Route {
    Route { path, methods, class, about }
}

/// The table.
pub const ROUTES: &[Route] = &[
    route("/", GET, Class::Public, "the player"),
    route("/player.js", GET, Class::Public, "the player's script"),
    route("/style.css", GET, Class::Public, "the player's style"),
    route("/admin", GET, Class::Public, "the dashboard, which asks for the password"),
    route("/admin/desk.css", GET, Class::Public, "the dashboard's style"),
    route("/admin/desk.js", GET, Class::Public, "the dashboard's script"),
    route("/admin/api.js", GET, Class::Public, "how it talks to the tower"),
    route("/admin/actions.js", GET, Class::Public, "what it can do"),
    route("/admin/strip.js", GET, Class::Public, "how it draws the last ten minutes"),
    route("/admin/views.js", GET, Class::Public, "how it shows the rest"),
    route("/healthz", GET, Class::Public, "200 when all is well, else 503 with the reasons"),
    route("/livez", GET, Class::Public, "200 while the clock ticks: for what restarts a tower that is dead"),
    route("/readyz", GET, Class::Public, "200 once every output sends: for what sends listeners here"),
    route(
        STATUS,
        GET,
        Class::Public,
        "how the tower is, as JSON; all of it for users, what a listener may know for others",
    ),
    route("/metrics", GET, Class::Public, "every figure, for Prometheus"),
    route("/tower/buffer", GET, Class::Station, "fill of a PCM producer's buffer"),
    route(STATION_INGEST, &["POST"], Class::Station, "an event of the station, for whoever listens to them"),
    route(STATION_EVENTS, &["GET"], Class::Station, "the station's events as they come, by WebSocket; ?event_type="),
    route("/admin/listeners", GET, OBSERVER, "what each listener was sent; ?from=&limit="),
    route("/api/now-playing", GET, Class::Public, "what is playing"),
    route("/api/now-playing", &["PUT"], OPERATOR, "sets what is playing: {\"artist\", \"title\", \"url\", ...}"),
    route("/api/cover", GET, Class::Public, "the picture of a file that is playing, or was lately; ?id="),
    route("/api/history", GET, Class::Public, "the last 100 titles, newest first"),
    route("/api/inputs/allowed", &["PUT"], OPERATOR, "takes an input off air, or lets it be: {\"input\", \"allowed\"}"),
    route("/api/inputs/preferred", &["PUT"], OPERATOR, "an input goes before all others, or none: {\"input\"}"),
    route("/api/fallback/forced", &["PUT"], OPERATOR, "forces the fallback, or releases it: {\"forced\"}"),
    route("/api/encoder/restart", &["POST"], OPERATOR, "replaces the encoder of an output, unheard: {\"mount\"}"),
    route("/api/listeners/kick", &["POST"], OPERATOR, "sends a listener away: {\"id\"}"),
    route(SKIP, &["POST"], OPERATOR, "skips the song on air, where that is of a playlist"),
    route("/api/config", GET, ADMIN, "the configuration in force, with the origin of each value"),
    route(RELOAD, &["GET"], ADMIN, "what a reload of the configuration would change"),
    route(RELOAD, &["POST"], ADMIN, "reloads the configuration: all of it, or nothing"),
    route("/api/session", GET, Class::Public, "whether this browser is logged in"),
    route("/api/session", &["POST"], Class::Public, "logs in: {\"password\"}; the answer sets a cookie"),
    route("/api/session", &["DELETE"], Class::Public, "logs out"),
    route("/api/openapi.json", GET, Class::Public, "this API, described for programs"),
    route("/api/recent", GET, OBSERVER, "the last ten minutes, a second at a time; ?after="),
    route("/api/events", GET, OBSERVER, "the last events, oldest first, with who did what; ?after=&limit="),
    route(EVENTS, GET, OBSERVER, "events as they happen, as Server-Sent Events; ?after=&kind="),
    route(METADATA, &["GET", "POST"], OPERATOR, "sets what is playing, as DJ software does: ?mode=updinfo&song="),
    route("/status-json.xsl", GET, Class::Public, "the mounts, as Icecast tells them; ?mount= for one"),
    route("/7.html", GET, Class::Public, "listeners, limit, bitrate and song, as Shoutcast 1 tells them; ?sid="),
    route("/stats", GET, Class::Public, "a stream, as Shoutcast 2 tells it, in XML; ?sid=&json=1 in JSON"),
    route("/currentsong", GET, Class::Public, "what is playing, as one line of text; ?sid="),
    route("/admin/stats", GET, OBSERVER, "the same as XML"),
    route("/admin/stats.xml", GET, OBSERVER, "the same as /admin/stats"),
    route("/admin/streamlist.txt", GET, OBSERVER, "the mounts, one a line, as Icecast tells them to a relay"),
    route("/admin/listmounts", GET, OBSERVER, "mounts and their listeners, as Icecast tells them"),
    route("/admin/listclients", GET, OBSERVER, "the listeners of a mount, as Icecast tells them: ?mount="),
    route("/admin/killclient", &["GET", "POST"], OPERATOR, "sends a listener away: ?mount=&id="),
    route("/admin/killsource", &["GET", "POST"], OPERATOR, "ends the source at a mount: ?mount="),
    route(CGI, &["GET", "POST"], OPERATOR, "the same in Shoutcast's way: ?pass=&mode=updinfo&song="),
    route(MONITOR, GET, OBSERVER, "the router's PCM as WAV"),
];

/// Path at which a source, too, may say what is playing.
pub const METADATA: &str = "/admin/metadata";

/// Path that skips the song on air.
pub const SKIP: &str = "/api/skip";

/// Path of the reload, which takes as long as an encoder takes to come on air.
pub const RELOAD: &str = "/admin/reload";

/// The same, in Shoutcast's way.
pub const CGI: &str = "/admin.cgi";

/// Path of the state, which tells more to those who have a role.
pub const STATUS: &str = "/status";

/// Path of the events, whose answer does not end.
pub const EVENTS: &str = "/events";

/// Path at which the station says what happens.
pub const STATION_INGEST: &str = "/tower/events/ingest";

/// Path of the station's events, a WebSocket.
pub const STATION_EVENTS: &str = "/tower/events";

/// Path of the monitor, which the front door serves like a mount.
pub const MONITOR: &str = "/admin/monitor";

/// What the table says of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// The route that is asked for.
    Route(&'static Route),
    /// The path is there, for these methods.
    OtherMethods(Vec<&'static str>),
    /// There is no such path.
    Nothing,
}

/// Looks up a request.
#[must_use]
pub fn find(path: &str, method: &str) -> Found {
    let routes: Vec<_> = ROUTES.iter().filter(|route| route.path == path).collect();
    match routes.iter().find(|route| route.methods.contains(&method)) {
        Some(route) => Found::Route(route),
        None if routes.is_empty() => Found::Nothing,
        None => Found::OtherMethods(routes.iter().flat_map(|route| route.methods).copied().collect()),
    }
}

/// Whether a request changes something. Old programs do so with GET, too: then the route takes POST for the same.
#[must_use]
pub fn changes_something(route: &Route, method: &str) -> bool {
    !matches!(method, "GET" | "HEAD") || route.methods.contains(&"POST")
}

/// Whether no page of another site may ask for it: what is for users alone, what changes something, and to follow what
/// happens, which a WebSocket could from anywhere.
#[must_use]
pub fn is_for_own_pages(route: &Route, method: &str) -> bool {
    let is_for_users = matches!(route.class, Class::Role(_));
    is_for_users || changes_something(route, method) || route.path == STATION_EVENTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_nothing_is_done_without_the_token() {
        let changes = |path, method| match find(path, method) {
            Found::Route(route) => changes_something(route, method),
            _ => panic!("no {method} {path}"),
        };
        assert!(!changes("/admin/listeners", "GET"));
        assert!(changes("/api/now-playing", "PUT"));
        assert!(changes("/admin/metadata", "GET"), "a title can be set with GET");
        for route in ROUTES {
            let unsafe_methods = route.methods.iter().filter(|method| !matches!(**method, "GET" | "HEAD"));
            unsafe_methods.for_each(|method| assert!(changes_something(route, method), "{method} {}", route.path));
        }
    }

    #[test]
    fn who_may_do_what_is_a_matter_of_path_and_method() {
        let class = |path, method| match find(path, method) {
            Found::Route(route) => Some(route.class),
            _ => None,
        };
        assert_eq!(class("/api/now-playing", "GET"), Some(Class::Public));
        assert_eq!(class("/api/now-playing", "PUT"), Some(OPERATOR));
        assert_eq!(find("/api/now-playing", "PATCH"), Found::OtherMethods(vec!["GET", "HEAD", "PUT"]));
        assert_eq!(find("/api/now-playing/", "GET"), Found::Nothing);
    }

    /// Written down a second time, so that a route that is new, or whose class changes, is thought of twice.
    #[test]
    fn every_route_that_is_not_for_everybody_is_of_the_class_it_was_meant_to_be_and_no_other_is_open() {
        let of = |class: Class| {
            let routes = ROUTES.iter().filter(move |route| route.class == class);
            routes.map(|route| format!("{} {}", route.methods.join("|"), route.path)).collect::<Vec<_>>()
        };
        assert_eq!(of(ADMIN), ["GET|HEAD /api/config", "GET /admin/reload", "POST /admin/reload"]);
        assert_eq!(
            of(OPERATOR),
            [
                "PUT /api/now-playing",
                "PUT /api/inputs/allowed",
                "PUT /api/inputs/preferred",
                "PUT /api/fallback/forced",
                "POST /api/encoder/restart",
                "POST /api/listeners/kick",
                "POST /api/skip",
                "GET|POST /admin/metadata",
                "GET|POST /admin/killclient",
                "GET|POST /admin/killsource",
                "GET|POST /admin.cgi",
            ]
        );
        assert_eq!(
            of(OBSERVER),
            [
                "GET|HEAD /admin/listeners",
                "GET|HEAD /api/recent",
                "GET|HEAD /api/events",
                "GET|HEAD /events",
                "GET|HEAD /admin/stats",
                "GET|HEAD /admin/stats.xml",
                "GET|HEAD /admin/streamlist.txt",
                "GET|HEAD /admin/listmounts",
                "GET|HEAD /admin/listclients",
                "GET|HEAD /admin/monitor",
            ]
        );
        assert_eq!(of(Class::Station), ["GET|HEAD /tower/buffer", "POST /tower/events/ingest", "GET /tower/events"]);
        let open = of(Class::Public);
        assert!(
            open.iter().all(|route| route.starts_with("GET|HEAD ") || route.ends_with(" /api/session")),
            "{open:?}"
        );
        assert_eq!(open.len(), 26, "a new route for everybody? {open:?}");
    }
}
