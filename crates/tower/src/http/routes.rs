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
#[derive(Clone, Copy, Debug)]
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
    route("/healthz", GET, Class::Public, "200 when all is well, else 503 with the reasons"),
    route("/status", GET, Class::Public, "everything about the tower, as JSON"),
    route("/metrics", GET, Class::Public, "every figure, for Prometheus"),
    route("/tower/buffer", GET, Class::Station, "fill of a PCM producer's buffer"),
    route("/admin/listeners", GET, Class::Admin, "what each listener was sent; ?from=&limit="),
    route(MONITOR, GET, Class::Admin, "the router's PCM as WAV"),
];

/// Path of the monitor, which the front door serves like a mount.
pub const MONITOR: &str = "/admin/monitor";

/// The route of `path`, if there is one.
#[must_use]
pub fn find(path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.path == path)
}
