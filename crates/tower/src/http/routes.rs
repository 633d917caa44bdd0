//! Every route of the API and who may use it, in one table (SPEC API-1). Mounts are public and come from the
//! configuration.

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Anybody.
    Public,
    /// The station that feeds the tower; like the PCM socket, open on this version.
    Station,
    /// The administrator, by password or token. That a request comes from loopback is no credential.
    Admin,
}

/// One route.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Route {
    /// Path, exact.
    pub path: &'static str,
    /// What may be asked of it; HEAD goes with GET, and OPTIONS is always answered.
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
    route("/status", GET, Class::Public, "everything about the tower, as JSON"),
    route("/metrics", GET, Class::Public, "every figure, for Prometheus"),
    route("/tower/buffer", GET, Class::Station, "fill of a PCM producer's buffer"),
    route("/admin/listeners", GET, Class::Admin, "what each listener was sent; ?from=&limit="),
    route("/api/now-playing", GET, Class::Public, "what is playing"),
    route("/api/now-playing", &["PUT"], Class::Admin, "sets what is playing: {\"artist\", \"title\", \"url\"}"),
    route("/api/history", GET, Class::Public, "the last 100 titles, newest first"),
    route(
        "/api/inputs/allowed",
        &["PUT"],
        Class::Admin,
        "takes an input off air, or lets it be: {\"input\", \"allowed\"}",
    ),
    route("/api/inputs/preferred", &["PUT"], Class::Admin, "an input goes before all others, or none: {\"input\"}"),
    route("/api/fallback/forced", &["PUT"], Class::Admin, "forces the fallback, or releases it: {\"forced\"}"),
    route("/api/encoder/restart", &["POST"], Class::Admin, "replaces the encoder of an output, unheard: {\"mount\"}"),
    route("/api/session", GET, Class::Public, "whether this browser is logged in"),
    route("/api/session", &["POST"], Class::Public, "logs in: {\"password\"}; the answer sets a cookie"),
    route("/api/session", &["DELETE"], Class::Public, "logs out"),
    route("/api/openapi.json", GET, Class::Public, "this API, described for programs"),
    route("/api/recent", GET, Class::Admin, "the last ten minutes, a second at a time; ?after="),
    route("/api/events", GET, Class::Admin, "the last events, oldest first, with who did what; ?after=&limit="),
    route(EVENTS, GET, Class::Admin, "events as they happen, as Server-Sent Events; ?after=&kind="),
    route(METADATA, &["GET", "POST"], Class::Admin, "sets what is playing, as DJ software does: ?mode=updinfo&song="),
    route("/status-json.xsl", GET, Class::Public, "the mounts, as Icecast tells them"),
    route("/admin/stats", GET, Class::Admin, "the same as XML"),
    route("/admin/listmounts", GET, Class::Admin, "mounts and their listeners, as Icecast tells them"),
    route("/admin/listclients", GET, Class::Admin, "the listeners of a mount, as Icecast tells them: ?mount="),
    route("/admin/killsource", &["GET", "HEAD", "POST"], Class::Admin, "ends the source at a mount: ?mount="),
    route("/admin.cgi", &["GET", "POST"], Class::Admin, "the same in Shoutcast's way: ?pass=&mode=updinfo&song="),
    route(MONITOR, GET, Class::Admin, "the router's PCM as WAV"),
];

/// Path at which a source, too, may say what is playing.
pub const METADATA: &str = "/admin/metadata";

/// Path of the events, whose answer does not end.
pub const EVENTS: &str = "/events";

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_do_what_is_a_matter_of_path_and_method() {
        let class = |path, method| match find(path, method) {
            Found::Route(route) => Some(route.class),
            _ => None,
        };
        assert_eq!(class("/api/now-playing", "GET"), Some(Class::Public));
        assert_eq!(class("/api/now-playing", "PUT"), Some(Class::Admin));
        assert_eq!(find("/api/now-playing", "PATCH"), Found::OtherMethods(vec!["GET", "HEAD", "PUT"]));
        assert_eq!(find("/api/now-playing/", "GET"), Found::Nothing);
    }
}
