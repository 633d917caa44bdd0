//! What programs made for Icecast look for: statistics, playlists, and an Icecast server that relays the stream.

use crate::common;
use radio_proof::alarm::{self, wait_for, wait_until};
use radio_proof::http::{Answer, basic_auth, get, read_head};
use radio_proof::listener::Listener;
use radio_proof::process::signal;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::Tower;
use radio_proof::{frames, material, measure, mp3, offline};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);
/// What a station plays that is known by its sound.
const SINE_HZ: f64 = 700.0;
const SINE_DBFS: f64 = -12.0;

fn with_station(tower: &Tower) -> Station {
    let manner = Manner { looped: true, ..Manner::default() };
    let station = Station::start(&tower.pcm_socket(), Arc::new(material::music(0, 20, 20)), manner);
    tower.wait_source("station", PATIENCE);
    station
}

fn sources(tower: &Tower) -> Value {
    tower.get("/status-json.xsl").json()["icestats"]["source"].clone()
}

fn returned(answer: &Answer) -> (u16, bool) {
    (answer.head.status(), answer.text().contains("<return>1</return>"))
}

#[test]
fn one_mount_is_an_object_with_numbers_and_several_are_a_list() {
    let lines = ["server.location = \"Vienna\"", "server.admin_contact = \"radio@example.org\""];
    let setup = lines.iter().fold(common::setup(), |setup, line| setup.line(line));
    let tower = setup.line("output = [{ name = \"Radio <A> & B\" }]").start();
    let listeners: Vec<Listener> = (0..3).map(|_| tower.listen("/stream")).collect();
    tower.send_as_admin("PUT", "/api/now-playing", "{\"artist\": \"Nina Simone\", \"title\": \"Sinnerman\"}");
    let source = wait_for("the title", PATIENCE, || Some(sources(&tower)).filter(|one| one["title"] == "Sinnerman"));
    assert_eq!((&source["listeners"], &source["listener_peak"]), (&Value::from(3), &Value::from(3)), "{source}");
    assert_eq!((&source["bitrate"], &source["samplerate"]), (&Value::from(128), &Value::from(48_000)));
    assert_eq!((&source["artist"], &source["server_name"]), (&"Nina Simone".into(), &"Radio <A> & B".into()));
    assert_eq!(source["listenurl"], format!("http://{}/stream", tower.address));
    let stats = tower.get("/status-json.xsl").json()["icestats"].clone();
    assert_eq!((&stats["location"], &stats["admin"]), (&"Vienna".into(), &"radio@example.org".into()));
    assert_eq!(stats["host"], tower.address.to_string());

    let xml = tower.get_as_admin("/admin/stats").text();
    assert!(
        xml.contains("<source mount=\"/stream\">") && xml.contains("<server_name>Radio &lt;A&gt; &amp; B<"),
        "{xml}"
    );
    let clients = tower.get_as_admin("/admin/listclients?mount=/stream").text();
    assert!(clients.contains("<Listeners>3</Listeners>") && clients.matches("<IP>127.0.0.1</IP>").count() == 3);
    drop(listeners);
    wait_until("all to have left", PATIENCE, || {
        tower.get_as_admin("/admin/listmounts").text().contains("<listeners>0</listeners>")
    });
    assert_eq!((&sources(&tower)["listeners"], &sources(&tower)["listener_peak"]), (&0.into(), &3.into()));
    assert_eq!(returned(&tower.get_as_admin("/admin/listclients?mount=/nowhere")), (400, false));
    assert_eq!(returned(&tower.get_as_admin("/admin/killsource?mount=/nowhere")), (400, false));
    for admins in ["/admin/stats", "/admin/listmounts", "/admin/listclients?mount=/stream", "/admin/killsource"] {
        assert_eq!(tower.get(admins).head.status(), 401, "{admins}");
    }

    let two = common::setup().line("output = [{ mount = \"/a\" }, { mount = \"/b\", bitrate_kbps = 64 }]").start();
    let listed = sources(&two);
    let bitrates: Vec<_> = listed.as_array().expect("a list").iter().map(|one| one["bitrate"].clone()).collect();
    assert_eq!(bitrates, [128, 64]);
    assert_eq!(two.get("/status-json.xsl?mount=/b").json()["icestats"]["source"]["bitrate"], 64);
    assert!(two.get("/status-json.xsl?mount=/c").json()["icestats"].get("source").is_none());

    // A client is sent away from the mount that is named and from no other, and never by HEAD.
    let (at_a, mut at_b) = (two.listen("/a"), vec![two.listen("/b"), two.listen("/b")]);
    let id_at_a = wait_for("a listener at /a", PATIENCE, || client_at(&two, "/a"));
    let kill = |mount: &str| format!("/admin/killclient?mount={mount}&id={id_at_a}");
    assert_eq!(returned(&two.get_as_admin(&kill("/b"))), (400, false));
    assert_eq!(returned(&two.get_as_admin(&kill("/nowhere"))), (400, false));
    assert_eq!(two.send_as_admin("HEAD", &kill("/a"), "").head.status(), 405);
    at_a.wait_bytes(at_a.received() + 16_000, PATIENCE);
    assert_eq!(client_at(&two, "/a"), Some(id_at_a), "it is still there");
    assert_eq!(returned(&two.get_as_admin(&kill("/a"))), (200, true));
    let _its_end = at_a.wait_end(PATIENCE);
    wait_until("it to be gone", PATIENCE, || client_at(&two, "/a").is_none());
    drop(at_b.pop());
    wait_until("one to have left", PATIENCE, || sources(&two)[1]["listeners"] == 1);
    let peaks: Vec<_> =
        sources(&two).as_array().expect("a list").iter().map(|one| one["listener_peak"].clone()).collect();
    assert_eq!(peaks, [1, 2], "each mount has its own");
}

/// Number of the first listener at a mount.
fn client_at(tower: &Tower, mount: &str) -> Option<u64> {
    let text = tower.get_as_admin(&format!("/admin/listclients?mount={mount}")).text();
    text.split_once("<ID>")?.1.split_once("</ID>")?.0.parse().ok()
}

#[test]
fn the_oldest_source_is_on_air_is_told_where_it_is_asked_for_and_is_ended_by_killsource() {
    let dj = r#"input = [{ name = "dj", mount = "/live", password = "hackme" }]"#;
    let tower = common::setup().line("router.grace_ms = 240").line(dj).start();
    let listeners = [tower.listen("/stream"), tower.listen("/stream")];
    let mut source = TcpStream::connect(tower.address).expect("the tower listens");
    source.set_read_timeout(Some(PATIENCE)).expect("our own socket");
    let request = format!(
        "SOURCE /live ICE/1.0\r\n{}Content-Type: audio/mpeg\r\nice-name: The <DJ>\r\n\r\n",
        basic_auth("source", "hackme")
    );
    source.write_all(request.as_bytes()).expect("the tower reads");
    assert_eq!(read_head(&mut source).expect("an answer").0.status_line, "HTTP/1.0 200 OK");
    // Eight seconds at once: on air until they are over.
    source.write_all(&offline::ffmpeg_encode(&material::music(0, 8, 8), 128)).expect("the tower reads");
    tower.wait_source("dj", PATIENCE);

    assert_eq!(sources(&tower)["listenurl"], format!("http://{}/stream", tower.address), "one mount is one object");
    let told = tower.get("/status-json.xsl?mount=/live").json()["icestats"]["source"].clone();
    assert_eq!((&told["server_name"], &told["listeners"]), (&"The <DJ>".into(), &2.into()), "{told}");
    assert_eq!((&told["server_type"], &told["samplerate"]), (&"audio/mpeg".into(), &48_000.into()), "{told}");
    assert_eq!(told["listenurl"], format!("http://{}/live", tower.address));
    // BUTT, which asks like this, looks for its own mount.
    let as_butt = get(tower.address, "/status-json.xsl", "User-Agent: Mozilla\r\n").expect("an answer").json();
    let urls: Vec<_> =
        as_butt["icestats"]["source"].as_array().expect("a list").iter().map(|one| &one["listenurl"]).collect();
    assert_eq!(urls, ["stream", "live"].map(|mount| format!("http://{}/{mount}", tower.address)).each_ref());
    let xml = tower.get_as_admin("/admin/stats?mount=/live").text();
    assert!(xml.contains("<source mount=\"/live\">") && xml.contains("The &lt;DJ&gt;"), "{xml}");

    assert_eq!(tower.send_as_admin("HEAD", "/admin/killsource?mount=/live", "").head.status(), 405);
    assert_eq!(tower.status()["on_air"]["source"], "dj");
    assert_eq!(returned(&tower.get_as_admin("/admin/killsource?mount=/live")), (200, true));
    let mut rest = Vec::new();
    let _end_or_reset = source.read_to_end(&mut rest);
    assert!(rest.is_empty(), "its connection has ended, without a word: {}", rest.escape_ascii());
    tower.wait_source("tone", PATIENCE);
    wait_until("the reason", PATIENCE, || tower.events("source").iter().any(|(_, event)| event["end"] == "ended"));
    assert!(tower.get("/status-json.xsl?mount=/live").json()["icestats"].get("source").is_none());
    assert_eq!(
        returned(&tower.get_as_admin("/admin/killsource?mount=/live")),
        (400, false),
        "nobody is there any more"
    );
    for listener in listeners {
        assert!(listener.stop().end.is_none(), "listeners stay");
    }
}

#[test]
fn players_find_the_stream_in_its_playlists() {
    let tower = common::setup().start();
    let _station = with_station(&tower);
    for (path, content_type) in [("/stream.m3u", "audio/x-mpegurl"), ("/stream.pls", "audio/x-scpls")] {
        let answer = tower.get(path);
        assert_eq!((answer.head.status(), answer.head.header("content-type")), (200, Some(content_type)));
        let playlist = format!("http://{}{path}", tower.address);
        let (pcm, complaints) = mp3::filter("mpg123", &["-q", "-n", "250", "-s", "-@", &playlist], &[]);
        assert!(measure::rms_dbfs(&measure::left_s16(&pcm)) > -40.0, "{path}: {complaints}");
    }
    let xspf = tower.get("/stream.xspf").text();
    assert!(xspf.contains(&format!("<location>http://{}/stream</location>", tower.address)), "{xspf}");
    let elsewhere = get(tower.address, "/stream.m3u", "Host: a\"><b\r\n").expect("an answer");
    assert!(!elsewhere.text().contains("><b"), "{}", elsewhere.text());
    assert_eq!(tower.get("/nowhere.m3u").head.status(), 404);
}

/// Debian's Icecast, which relays the tower's stream at `/relayed`.
struct Relay {
    server: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _already_gone = self.server.kill();
        let _status = self.server.wait();
    }
}

impl Relay {
    /// Somebody else may be quicker to take the port that was free: then with another one.
    fn start(tower: &Tower, on_demand: bool) -> Self {
        (0..5).find_map(|_| Self::try_start(tower, on_demand)).expect("an Icecast that stays")
    }

    fn try_start(tower: &Tower, on_demand: bool) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let address = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        let config = folder.path().join("icecast.xml");
        std::fs::write(&config, configuration(folder.path(), address.port(), tower.address.port(), on_demand))
            .expect("a file");
        // It refuses to run as root.
        let is_root = rustix::process::geteuid().is_root();
        let mut command = Command::new(if is_root { "setpriv" } else { "icecast2" });
        if is_root {
            let chown = Command::new("chown").args(["-R", "nobody"]).arg(folder.path()).status();
            assert!(chown.is_ok_and(|status| status.success()), "the folder is for the user nobody");
            command.args(["--reuid=nobody", "--clear-groups", "icecast2"]);
        }
        command.arg("-c").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server =
            command.spawn().unwrap_or_else(|error| panic!("cannot run icecast2 ({error}): apt-get install it"));
        let mut relay = Self { server, address, folder };
        // Known by its location, for at its address there may be another.
        let name = relay.folder.path().file_name().expect("a name").to_string_lossy().into_owned();
        wait_for("Icecast to answer or to end", PATIENCE, || {
            if relay.server.try_wait().expect("our own child").is_some() {
                return Some(false);
            }
            get(address, "/status-json.xsl", "").is_ok_and(|stats| stats.text().contains(&name)).then_some(true)
        })
        .then_some(relay)
    }
}

fn configuration(folder: &Path, port: u16, tower: u16, on_demand: bool) -> String {
    let (name, on_demand) = (folder.file_name().expect("a name").to_string_lossy(), u8::from(on_demand));
    let folder = folder.display();
    format!(
        "<icecast><location>{name}</location><limits><clients>20</clients><sources>2</sources><burst-size>0</burst-size></limits>
         <authentication><source-password>x</source-password><admin-user>admin</admin-user>
         <admin-password>x</admin-password></authentication><hostname>localhost</hostname>
         <listen-socket><port>{port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
         <relay><server>127.0.0.1</server><port>{tower}</port><mount>/stream</mount>
         <local-mount>/relayed</local-mount><on-demand>{on_demand}</on-demand>
         <relay-shoutcast-metadata>1</relay-shoutcast-metadata></relay>
         <paths><basedir>{folder}</basedir><logdir>{folder}</logdir><webroot>/usr/share/icecast2/web</webroot>
         <adminroot>/usr/share/icecast2/admin</adminroot></paths>
         <logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog><loglevel>3</loglevel></logging>
         </icecast>"
    )
}

/// The listeners that are relays: the number of each, which a reconnect would change.
fn relays(tower: &Tower) -> Vec<u64> {
    let page = tower.get_as_admin("/admin/listeners").json();
    let rows = page["listeners"].as_array().cloned().unwrap_or_default();
    let is_relay = |row: &&Value| row["user_agent"].as_str().is_some_and(|agent| agent.starts_with("Icecast"));
    rows.iter().filter(is_relay).filter_map(|row| row["id"].as_u64()).collect()
}

#[test]
fn an_icecast_relay_never_reconnects_and_its_listeners_get_every_frame() {
    relay_for_a_while(false);
}

#[test]
fn an_icecast_relay_on_demand_comes_with_its_first_listener_and_stays() {
    relay_for_a_while(true);
}

#[test]
fn a_tower_pulls_a_stream_from_an_icecast_with_its_titles() {
    let first = common::setup().start();
    let sine = (0..480_000).map(|n| {
        let phase = f64::from(n) * SINE_HZ / 48_000.0;
        (10f64.powf(SINE_DBFS / 20.0) * 32_768.0 * (phase * std::f64::consts::TAU).sin()) as i16
    });
    let pcm: Vec<u8> = sine.flat_map(|sample| [sample, sample]).flat_map(i16::to_le_bytes).collect();
    let _station = Station::start(&first.pcm_socket(), Arc::new(pcm), Manner { looped: true, ..Manner::default() });
    first.wait_source("station", PATIENCE);
    let relay = Relay::start(&first, false);
    let is_there = || get(relay.address, "/status-json.xsl", "").is_ok_and(|stats| stats.text().contains("listenurl"));
    wait_until("the mount of Icecast", PATIENCE, is_there);
    let url = format!("http://{}/relayed", relay.address);
    let second =
        common::setup().line(&format!("input = [{{ name = \"pulled\", kind = \"url\", url = {url:?} }}]")).start();
    second.wait_source("pulled", PATIENCE);
    first.send_as_admin("PUT", "/api/now-playing", "{\"artist\": \"Nina\", \"title\": \"Sinnerman\"}");
    wait_until("the title at the second tower", PATIENCE, || {
        second.get("/api/now-playing").json()["label"] == "Nina - Sinnerman"
    });
    // The burst and the fade come first.
    let (listener, bytes) = (second.listen("/stream?burst=0"), 16_000 * 8);
    listener.wait_bytes(bytes, PATIENCE);
    let decoded = mp3::decode_left(&listener.stop().bytes[..bytes / 384 * 384]);
    for (i, heard) in decoded.chunks_exact(48_000).enumerate().skip(3) {
        let (hz, level) = (measure::tone_hz(heard, SINE_HZ), measure::tone_dbfs(heard, SINE_HZ));
        assert!(
            (hz - SINE_HZ).abs() < 0.5 && (level - SINE_DBFS).abs() < 1.0,
            "second {i}: {hz:.2} Hz at {level:.2} dBFS"
        );
    }
    assert_eq!(second.status()["on_air"]["source"], "pulled");
}

/// What happens in hours, in seconds, and at full length in minutes: encoders die, the station leaves and comes back,
/// titles change.
fn relay_for_a_while(on_demand: bool) {
    let rounds = if alarm::full_length() { 60 } else { 3 };
    let tower = common::setup().start();
    let mut station = Some(with_station(&tower));
    let relay = Relay::start(&tower, on_demand);
    let stats = || Some(get(relay.address, "/status-json.xsl", "").ok()?.text());
    wait_until("Icecast", PATIENCE, || stats().is_some());
    if on_demand {
        assert!(relays(&tower).is_empty(), "nobody listens to it yet");
    } else {
        wait_until("its mount", PATIENCE, || stats().is_some_and(|stats| stats.contains("listenurl")));
    }
    let direct = tower.listen("/stream?burst=30");
    // Icecast answers a little before it knows its relays.
    let listener = wait_for("Icecast to let somebody in", PATIENCE, || {
        let listener = Listener::try_open(relay.address, "/relayed", "").ok()?;
        (listener.head.status() == 200).then_some(listener)
    });
    let first = wait_for("the relay", PATIENCE, || Some(relays(&tower)).filter(|relays| !relays.is_empty()));
    for round in 0..rounds {
        let (pid, frame) = wait_for("an encoder that delivers", PATIENCE, || tower.delivering());
        assert!(signal(pid, rustix::process::Signal::KILL));
        let title = format!("Sinnerman {round}");
        tower.send_as_admin("PUT", "/api/now-playing", &format!("{{\"title\": \"{title}\"}}"));
        wait_until("the title at the relay", PATIENCE, || stats().is_some_and(|stats| stats.contains(&title)));
        match station.take() {
            Some(station) => {
                let _sent = station.stop();
                tower.wait_source("tone", PATIENCE);
            }
            None => station = Some(with_station(&tower)),
        }
        wait_until("a new encoder and two seconds of it", PATIENCE, || {
            tower.delivering().is_some_and(|(now, delivered)| now != pid && delivered > frame + 84)
        });
        assert_eq!(relays(&tower), first, "the relay has left in round {round}");
    }
    listener.wait_bytes(listener.received() + 3 * 16_000, PATIENCE);
    assert_eq!(relays(&tower), first, "the relay has never left");

    let relayed = listener.stop().bytes;
    // What it was sent last has reached the direct listener before, but may not have been read.
    direct.wait_bytes(direct.received() + 16_000, PATIENCE);
    let sent = direct.stop().bytes;
    assert!(frames::strict(&sent).len() > 100);
    assert!(relayed.len() > 48_000);
    // Long enough not to be somewhere else by chance, as bytes that fill up frames are.
    let begin = sent.windows(4096).position(|some| some == &relayed[..4096]).expect("what the relay begins with");
    let differs = relayed.iter().zip(&sent[begin..]).position(|(relayed, sent)| relayed != sent);
    assert_eq!(differs, None, "of {} bytes: all that was sent, and nothing else", relayed.len());
    assert!(sent.len() - begin >= relayed.len(), "{} of {}", sent.len() - begin, relayed.len());
}
