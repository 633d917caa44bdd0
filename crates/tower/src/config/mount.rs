//! Which paths a stream may have.

const MOUNT_BYTES_MAX: usize = 255;

/// Paths that are not free for a mount.
const ROUTES: &[&str] =
    &["/", "/healthz", "/status", "/status-json.xsl", "/metrics", "/events", "/admin.cgi", "/favicon.ico"];

/// Paths under which no mount may lie.
const ROUTE_FOLDERS: &[&str] = &["/tower", "/admin", "/api"];

/// Whether `path` belongs to the tower's own pages and API, so that no mount can have it.
#[must_use]
pub fn is_reserved_route(path: &str) -> bool {
    let within =
        |folder: &&str| path.strip_prefix(*folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    ROUTES.contains(&path) || ROUTE_FOLDERS.iter().any(within)
}

/// Why `alias` cannot be another path of a stream. Old servers have paths that no mount may have.
pub(super) fn alias_syntax_error(alias: &str) -> Option<&'static str> {
    syntax_error(alias, "._~-/;,=:@!$'()*", "may have letters, digits, and . _ ~ - / ; , = : @ ! $ ' ( ) * only")
}

/// Why `mount` cannot be the path of a stream.
pub(super) fn mount_syntax_error(mount: &str) -> Option<&'static str> {
    syntax_error(mount, "._~-/", "may have letters, digits, and . _ ~ - / only")
}

fn syntax_error(mount: &str, marks: &str, what_it_may_have: &'static str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || marks.contains(c);
    let bare = mount.strip_suffix(".mp3").unwrap_or(mount);
    if !mount.starts_with('/') {
        Some("must begin with /, such as \"/stream\"")
    } else if mount.len() > MOUNT_BYTES_MAX {
        Some("is longer than 255 bytes")
    } else if !mount.chars().all(plain) {
        Some(what_it_may_have)
    } else if is_reserved_route(mount) || is_reserved_route(bare) {
        Some("is a page or part of the API of the tower; choose another, such as \"/stream\"")
    } else if mount.split('/').skip(1).any(|part| matches!(part, "" | "." | "..")) {
        Some("has an empty part, or one of dots")
    } else if [".m3u", ".m3u8", ".pls", ".xspf"].iter().any(|suffix| bare.ends_with(suffix)) {
        Some("ends like a playlist, and players would take it for one")
    } else {
        None
    }
}
