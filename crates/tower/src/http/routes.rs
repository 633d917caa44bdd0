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
    /// Who may use it.
    pub class: Class,
    /// What it gives, in a few words.
    pub about: &'static str,
}

/// The table. All routes answer GET and HEAD.
pub const ROUTES: &[Route] = &[
    Route { path: "/", class: Class::Public, about: "the player" },
    Route { path: "/player.js", class: Class::Public, about: "the player's script" },
    Route { path: "/style.css", class: Class::Public, about: "the player's style" },
    Route { path: "/healthz", class: Class::Public, about: "200 when all is well, else 503 with the reasons" },
    Route { path: "/status", class: Class::Public, about: "everything about the tower, as JSON" },
    Route { path: "/metrics", class: Class::Public, about: "every figure, for Prometheus" },
    Route { path: "/tower/buffer", class: Class::Station, about: "fill of a PCM producer's buffer" },
    Route { path: "/admin/listeners", class: Class::Admin, about: "what each listener was sent; ?from=&limit=" },
    Route { path: MONITOR, class: Class::Admin, about: "the router's PCM as WAV" },
];

/// Path of the monitor, which the front door serves like a mount.
pub const MONITOR: &str = "/admin/monitor";

/// The route of `path`, if there is one.
#[must_use]
pub fn find(path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.path == path)
}
