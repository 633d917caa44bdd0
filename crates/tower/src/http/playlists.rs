//! A mount as a playlist, for players that want a file: `/stream.m3u`, `/stream.pls`, `/stream.xspf`;
//! and `/listen.pls?sid=`, as Shoutcast has it.

use super::address::{base, xml};
use super::shoutcast;
use crate::request::head::Head;
use crate::request::origin::Origin;
use crate::request::query::Query;
use crate::state::Tower;

/// A kind of playlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    M3u,
    Pls,
    Xspf,
}

/// The whole answer, if the request is for the playlist of a mount.
#[must_use]
pub fn answer(tower: &Tower, request: &Head, origin: &Origin) -> Option<Vec<u8>> {
    let (mount, kind) = of(&request.path)?;
    let setup = tower.setup();
    let by_number = || shoutcast::output_of(&setup.outputs, &Query::parse(request.query.as_bytes()));
    let output = setup.output_at(mount).or_else(|| by_number().filter(|_| mount == "/listen"))?;
    let mount = if mount == "/listen" { output.config.mount.as_str() } else { mount };
    if !matches!(request.method.as_str(), "GET" | "HEAD") {
        return Some(crate::request::head::method_not_allowed(&["GET", "HEAD"]));
    }
    let url = base(tower, Some(origin)) + mount;
    let (content_type, text) = playlist(kind, &output.config.name.replace(['\r', '\n'], " "), &url);
    let body = if request.method == "HEAD" { "" } else { &text };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nCache-Control: no-cache\r\n{}\
         Connection: close\r\n\r\n{body}",
        text.len(),
        crate::http::answer::CORS,
    );
    Some(head.into_bytes())
}

fn of(path: &str) -> Option<(&str, Kind)> {
    let (mount, extension) = path.rsplit_once('.')?;
    let kind = match extension {
        "m3u" => Kind::M3u,
        "pls" => Kind::Pls,
        "xspf" => Kind::Xspf,
        _ => return None,
    };
    Some((mount, kind))
}

fn playlist(kind: Kind, name: &str, url: &str) -> (&'static str, String) {
    match kind {
        Kind::M3u => ("audio/x-mpegurl", format!("#EXTM3U\n#EXTINF:-1,{name}\n{url}\n")),
        // A length of -1 is a stream.
        Kind::Pls => (
            "audio/x-scpls",
            format!("[playlist]\nNumberOfEntries=1\nFile1={url}\nTitle1={name}\nLength1=-1\nVersion=2\n"),
        ),
        Kind::Xspf => {
            let (name, url) = (xml(name), xml(url));
            let text = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<playlist version=\"1\" xmlns=\"http://xspf.org/ns/0/\">\n\
                 <title>{name}</title>\n<trackList>\n<track><location>{url}</location><title>{name}</title></track>\n\
                 </trackList>\n</playlist>\n"
            );
            ("application/xspf+xml", text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_of_a_path_says_which_playlist_of_which_mount() {
        assert_eq!(of("/stream.m3u"), Some(("/stream", Kind::M3u)));
        assert_eq!(of("/hq.mp3.pls"), Some(("/hq.mp3", Kind::Pls)));
        assert_eq!(of("/stream.xspf"), Some(("/stream", Kind::Xspf)));
        assert_eq!((of("/stream.mp3"), of("/stream"), of("")), (None, None, None));
    }

    #[test]
    fn a_name_cannot_leave_its_place() {
        let (_, text) = playlist(Kind::Xspf, "a</title>", "http://h/s");
        assert!(text.contains("<title>a&lt;/title&gt;</title>"), "{text}");
    }
}
