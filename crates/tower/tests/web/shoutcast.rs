//! What programs made for Shoutcast and old Icecast servers ask a listener's port for: statistics in their shapes, other
//! paths of a stream, links that lead back (SPEC API-2, LIS-1).

use crate::common;
use radio_proof::http::{get, send_get};
use std::io::Read;
use std::time::Duration;

const OUTPUTS: &str = "output = [{ mount = \"/stream\", name = \"One & Only\", genre = \"Jazz\", \
    aliases = [\"/;\", \"/;stream.mp3\", \"/old/path.mp3\"] }, { mount = \"/low\", bitrate_kbps = 64, listeners_max = 7 }]";

#[test]
fn shoutcasts_statistics_have_their_shapes_and_say_who_listens_and_what_is_heard() {
    let tower = common::setup().line(OUTPUTS).start();
    let answer = tower.send_as_admin("PUT", "/api/now-playing", r#"{"artist": "A<b>", "title": "B, C"}"#);
    assert_eq!(answer.head.status(), 202, "{}", answer.text());
    let _listener = tower.listen("/;");
    radio_proof::alarm::wait_until("the title", Duration::from_secs(10), || {
        tower.get("/currentsong").text() == "A<b> - B, C"
    });

    let seven = tower.get("/7.html");
    assert_eq!(seven.head.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(seven.text(), "<html><body>1,1,1,10000,1,128,A&lt;b&gt; - B, C</body></html>");
    assert_eq!(tower.get("/7.html?sid=2").text(), "<html><body>0,1,0,7,0,64,A&lt;b&gt; - B, C</body></html>");

    let stats = tower.get("/stats?sid=1&json=1").json();
    for (name, value) in [
        ("currentlisteners", serde_json::json!(1)),
        ("maxlisteners", serde_json::json!(10000)),
        ("servertitle", serde_json::json!("One & Only")),
        ("servergenre", serde_json::json!("Jazz")),
        ("songtitle", serde_json::json!("A<b> - B, C")),
        ("streamstatus", serde_json::json!(1)),
        ("streampath", serde_json::json!("/stream")),
        ("bitrate", serde_json::json!("128")),
        ("content", serde_json::json!("audio/mpeg")),
    ] {
        assert_eq!(stats[name], value, "{name}");
    }
    let xml = tower.get("/stats");
    assert_eq!(xml.head.header("content-type"), Some("text/xml; charset=utf-8"));
    for part in ["<SHOUTCASTSERVER><CURRENTLISTENERS>1<", "<SERVERTITLE>One &amp; Only<", "<STREAMSTATUS>1<"] {
        assert!(xml.text().contains(part), "{part}: {}", xml.text());
    }
    for wrong in ["/7.html?sid=0", "/stats?sid=3", "/currentsong?sid=x"] {
        assert_eq!(tower.get(wrong).head.status(), 404, "{wrong}");
    }
    assert_eq!(tower.get_as_admin("/admin/streamlist.txt").text(), "/stream\r\n/low\r\n");
    assert!(tower.get_as_admin("/admin/stats.xml").text().contains("<source mount=\"/low\">"));
    assert_eq!(tower.get("/admin/stats.xml").head.status(), 401);
}

#[test]
fn an_alias_is_the_mount_itself_without_a_redirect() {
    let tower = common::setup().line(OUTPUTS).start();
    for path in ["/;", "/%3B", "/;stream.mp3", "/old/path.mp3", "/stream"] {
        let listener = tower.listen(path);
        listener.wait_bytes(4000, Duration::from_secs(10));
        let figures = tower.get("/status-json.xsl?mount=/stream").json();
        assert_eq!(figures["icestats"]["source"]["listeners"], 1, "{path}");
        drop(listener);
        radio_proof::alarm::wait_until("the listener to be gone", Duration::from_secs(10), || {
            tower.get("/status-json.xsl?mount=/stream").json()["icestats"]["source"]["listeners"] == 0
        });
    }
    assert_eq!(tower.get("/;stream.nsv").head.status(), 404, "an alias is what is configured");
}

#[test]
fn links_lead_back_to_the_address_that_was_reached() {
    for (host, reached) in [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]")] {
        let tower = common::setup().line(&format!("server.host = \"{host}\"")).start();
        let address =
            std::net::SocketAddr::new(reached.trim_matches(['[', ']']).parse().expect("one"), tower.address.port());
        let link = format!("http://{reached}:{}/stream", address.port());
        for (target, request) in [
            ("/stream.m3u", "GET /stream.m3u HTTP/1.0\r\n\r\n"),
            ("/listen.pls", "GET /listen.pls?sid=1 HTTP/1.0\r\n\r\n"),
            ("a host that is none", "GET /stream.pls HTTP/1.0\r\nHost: a b\r\n\r\n"),
            ("statistics", "GET /status-json.xsl HTTP/1.0\r\n\r\n"),
        ] {
            let mut stream = std::net::TcpStream::connect(address).expect("it listens");
            std::io::Write::write_all(&mut stream, request.as_bytes()).expect("it reads");
            let mut text = String::new();
            stream.read_to_string(&mut text).expect("an answer");
            assert!(text.contains(&link), "{host}, {target}: {text}");
        }
        let named = get(address, "http://radio.example:8000/stream.m3u", "").expect("an answer");
        assert!(named.text().contains("http://radio.example:8000/stream"), "{}", named.text());
        drop(send_get(address, "/stream", "", Duration::from_secs(5)));
    }
}
