//! What docs/behind-a-proxy.md tells operators to write, done with the real programs: whoever listens through them gets
//! every byte, as it comes: soon, without a gap that the tower did not make, and without chunks.

use crate::common;
use radio_proof::alarm::{self, wait_until};
use radio_proof::listener::Recording;
use radio_proof::machine::Watch;
use radio_proof::tls::{Certificate, FRAME_BYTES, assert_same};
use radio_proof::tower::{ADMIN_PASSWORD, Tower};
use radio_proof::{measure, mp3};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// From the start of a player to its first byte of audio, and a send period with what SPEC LIS-5 adds to it.
const FIRST_BYTE_MAX: Duration = Duration::from_secs(1);
const GAP_MAX: Duration = Duration::from_millis(504 + 150);
/// How much more either may be where others need the processors, and the proxy cannot be told from them.
const CROWDED: Duration = Duration::from_secs(1);

/// Whom the proxies have before them.
const CLIENT: &str = "127.0.0.5";
/// Whom the tower has before it.
const TRUSTED: &str = "server.trusted_proxies = [\"127.0.0.1\"]";

/// A program that is ended with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _may_have_ended = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A proxy before a tower, on a port of its own.
struct Proxy<'a> {
    tower: &'a Tower,
    port: u16,
    _running: Running,
}

/// What stands in the documentation for `program`, with this test's addresses in place of the operator's.
fn documented(program: &str, tower: &Tower, changes: &[(&str, String)]) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/behind-a-proxy.md");
    let page = std::fs::read_to_string(page).expect("the documentation");
    let fence = format!("```{program}\n");
    let text = page.split(&fence).nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let mut text = text.replace("127.0.0.1:8000", &tower.address.to_string());
    for (theirs, ours) in changes {
        assert!(text.contains(theirs), "{program}: there is no {theirs:?} in the documentation");
        text = text.replace(theirs, ours);
    }
    text
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

fn start(tower: &Tower, port: u16, mut command: Command) -> Proxy<'_> {
    let log = std::fs::File::create(tower.path("proxy.log")).expect("a temporary file");
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("it is installed");
    let mut running = Running(child);
    wait_until("the proxy", PATIENCE, || {
        let said = || std::fs::read_to_string(tower.path("proxy.log")).unwrap_or_default();
        assert!(running.0.try_wait().expect("our own child").is_none(), "it ended: {}", said());
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    Proxy { tower, port, _running: running }
}

impl Proxy<'_> {
    fn curl(&self, arguments: &[&str], target: &str, output: &Path) -> Running {
        let mut curl = Command::new("curl");
        curl.args(["-sSN", "--http1.1", "--interface", CLIENT, "--cacert"])
            .arg(self.tower.path("certificate.pem"))
            .args(arguments);
        curl.arg("-o").arg(output).arg(format!("https://localhost:{}{target}", self.port));
        Running(curl.spawn().expect("curl: apt-get install curl"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.tower.path(name)
    }

    /// A listener by `curl`, which is told what to ask for, gets what a direct one does: the same bytes, soon, and none is
    /// kept back.
    #[track_caller]
    fn prove_listener(&self, mut curl: Command) {
        let plain = self.tower.listen("/stream?burst=0");
        let limit = (PATIENCE.as_secs() * 2).to_string();
        curl.args(["-sSN", "--interface", CLIENT, "--max-time", &limit, "-D"]).arg(self.path("head"));
        let (machine, asked) = (Watch::start(), Instant::now());
        let mut curl = Running(curl.stdout(Stdio::piped()).spawn().expect("curl: apt-get install curl"));
        let mut stdout = curl.0.stdout.take().expect("a pipe");
        let (mut heard, mut piece) = (Recording::default(), vec![0; 64 * 1024]);
        while heard.bytes.len() < 300 * FRAME_BYTES {
            let count = stdout.read(&mut piece).expect("our own pipe");
            assert!(count > 0, "it ended after {} bytes", heard.bytes.len());
            heard.bytes.extend_from_slice(&piece[..count]);
            heard.arrivals.push((Instant::now(), heard.bytes.len()));
        }
        let slack = if machine.was_crowded() && !alarm::full_length() { CROWDED } else { Duration::ZERO };
        let (first_byte, gap) = (heard.arrivals[0].0 - asked, heard.longest_gap(asked));
        println!("first byte after {first_byte:?}, longest gap {gap:?}, where {slack:?} more is allowed");
        assert!(first_byte <= FIRST_BYTE_MAX + slack, "{first_byte:?} until the first byte of audio");
        assert!(gap <= GAP_MAX + slack, "{gap:?} without a byte");

        let head = std::fs::read_to_string(self.path("head")).expect("a head").to_ascii_lowercase();
        assert!(!head.contains("chunked"), "old radios cannot read chunks: {head}");
        let first = head.lines().find_map(|line| line.strip_prefix("x-tower-frame: ")?.trim().parse().ok());
        assert_same(&plain, first.expect("a frame"), &heard.bytes);
        let clients = self.tower.get_as_admin("/admin/listclients?mount=/stream").text();
        assert!(clients.contains(&format!("<IP>{CLIENT}</IP>")), "{clients}");
    }

    /// Everything that the page promises, to a player that speaks this version of HTTP.
    fn prove(&self, http: &[&str]) {
        let tower = self.tower;
        let mut curl = Command::new("curl");
        curl.arg("--cacert").arg(self.path("certificate.pem"));
        curl.args(http).arg(format!("https://localhost:{}/stream", self.port));
        self.prove_listener(curl);

        let events = self.path("events");
        let _following = self.curl(&["-u", &format!("admin:{ADMIN_PASSWORD}")], "/events", &events);
        let told = |what: &str| std::fs::read_to_string(&events).is_ok_and(|text| text.contains(what));
        wait_until("a place among the subscribers", PATIENCE, || told("id: "));
        tower.send_as_admin("PUT", "/api/now-playing", "{\"title\": \"through the proxy\"}");
        wait_until("the event", PATIENCE, || told("through the proxy"));

        let playlist = self.path("playlist");
        let link = format!("https://localhost:{}/stream\n", self.port);
        let mut asking = self.curl(&[], "/stream.m3u", &playlist);
        assert!(asking.0.wait().expect("our own child").success());
        assert_eq!(std::fs::read_to_string(playlist).expect("a playlist").lines().last(), Some(link.trim_end()));
    }
}

fn nginx(tower: &Tower) -> Proxy<'_> {
    Certificate::new().install(|name| tower.path(name));
    let port = free_port();
    let path = |name: &str| tower.path(name).display().to_string();
    let server = documented(
        "nginx",
        tower,
        &[
            ("443", format!("127.0.0.1:{port}")),
            ("/etc/ssl/radio/certificate.pem", path("certificate.pem")),
            ("/etc/ssl/radio/key.pem", path("key.pem")),
        ],
    );
    let folders =
        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|kind| format!("{kind}_temp_path {};\n", path(kind)));
    let config = format!(
        "daemon off; master_process off; pid {};\nevents {{ worker_connections 64; }}\nhttp {{ access_log off;\n{}{server}}}\n",
        path("nginx.pid"),
        folders.concat()
    );
    std::fs::write(tower.path("nginx.conf"), config).expect("a temporary file");
    let mut nginx = Command::new("/usr/sbin/nginx");
    nginx.args(["-e", "stderr", "-c"]).arg(tower.path("nginx.conf"));
    start(tower, port, nginx)
}

#[test]
fn nginx_passes_everything_on_as_it_comes() {
    let tower = common::setup().line(TRUSTED).start();
    let proxy = nginx(&tower);
    proxy.prove(&["--http1.1"]);
}

#[test]
fn caddy_passes_everything_on_as_it_comes() {
    let tower = common::setup().line(TRUSTED).start();
    Certificate::new().install(|name| tower.path(name));
    let port = free_port();
    let path = |name: &str| tower.path(name).display().to_string();
    let (certificate, key) = (path("certificate.pem"), path("key.pem"));
    let site = format!("https://localhost:{port} {{\n    bind 127.0.0.1\n    tls {certificate} {key}\n");
    let server = documented("caddy", &tower, &[("radio.example.org {\n", site)]);
    let config = format!("{{\n    admin off\n    auto_https disable_redirects\n}}\n{server}");
    std::fs::write(tower.path("Caddyfile"), config).expect("a temporary file");
    let mut caddy = Command::new("caddy");
    caddy.args(["run", "--adapter", "caddyfile", "--config"]).arg(tower.path("Caddyfile"));
    for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        caddy.env(variable, tower.path("caddy"));
    }
    // Whoever speaks HTTP/1.1 is sent chunks by it, as the page says.
    start(&tower, port, caddy).prove(&["--http1.0", "--no-alpn"]);
}

/// HAProxy with this configuration.
fn haproxy<'a>(tower: &'a Tower, port: u16, text: &str) -> Proxy<'a> {
    let config = format!("global\n    maxconn 100\n{text}");
    std::fs::write(tower.path("haproxy.cfg"), config).expect("a temporary file");
    let mut haproxy = Command::new("/usr/sbin/haproxy");
    haproxy.args(["-db", "-f"]).arg(tower.path("haproxy.cfg"));
    start(tower, port, haproxy)
}

/// HAProxy as it is documented, with TLS.
fn haproxy_http(tower: &Tower) -> Proxy<'_> {
    Certificate::new().install(|name| tower.path(name));
    let read = |name: &str| std::fs::read_to_string(tower.path(name)).expect("a file");
    std::fs::write(tower.path("both.pem"), read("certificate.pem") + &read("key.pem")).expect("a temporary file");
    let port = free_port();
    let changes = [
        (":443", format!("127.0.0.1:{port}")),
        ("/etc/haproxy/radio.pem", tower.path("both.pem").display().to_string()),
    ];
    let text = documented("haproxy", tower, &changes);
    haproxy(tower, port, &text)
}

#[test]
fn haproxy_passes_everything_on_as_it_comes() {
    let tower = common::setup().line(TRUSTED).start();
    haproxy_http(&tower).prove(&["--http1.1"]);
}

#[test]
fn haproxy_passes_bytes_on_and_tells_whose_they_are_by_the_proxy_protocol() {
    // The tower is asked directly too, and so from another address.
    let lines = ["server.trusted_proxies = [\"127.0.0.2\"]", "server.proxy_protocol = true"];
    for version in ["send-proxy-v2", "send-proxy"] {
        let tower = lines.iter().fold(common::setup(), |setup, line| setup.line(line)).start();
        let port = free_port();
        let changes =
            [(":80\n", format!("127.0.0.1:{port}\n")), ("send-proxy-v2", format!("source 127.0.0.2 {version}"))];
        let proxy = haproxy(&tower, port, &documented("haproxy-tcp", &tower, &changes));
        let mut curl = Command::new("curl");
        curl.arg(format!("http://127.0.0.1:{port}/stream"));
        println!("{version}");
        proxy.prove_listener(curl);
    }
}

const DJ: &str = "input = [{ name = \"dj\", mount = \"/live\", password = \"hackme\" }]";

/// That a source is heard that comes to `url` by chunked PUT, and that the tower knows where it comes from.
#[track_caller]
fn assert_source_heard(tower: &Tower, url: &str) {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-re", "-f", "lavfi", "-i", "sine=frequency=800:sample_rate=48000", "-ac", "2"]);
    ffmpeg.args(["-b:a", "128k", "-f", "mp3", "pipe:1"]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut ffmpeg = Running(ffmpeg.spawn().expect("ffmpeg: apt-get install ffmpeg"));
    let mut curl = Command::new("curl");
    curl.args(["-sSN", "--http1.1", "--interface", CLIENT]);
    if url.starts_with("https") {
        curl.arg("--cacert").arg(tower.path("certificate.pem"));
    }
    curl.args(["-u", "source:hackme", "-H", "Content-Type: audio/mpeg", "-T", "-"]);
    curl.arg(url).stdin(ffmpeg.0.stdout.take().expect("a pipe"));
    let _source = Running(curl.stdout(Stdio::null()).spawn().expect("curl: apt-get install curl"));
    tower.wait_source("dj", PATIENCE);
    let listener = tower.listen("/stream?burst=0");
    listener.wait_bytes(5 * 16_000, PATIENCE);
    let heard = mp3::decode_left(&listener.stop().bytes[..5 * 16_000 / FRAME_BYTES * FRAME_BYTES]);
    let hz = measure::tone_hz(&heard[heard.len() - 48_000..], 800.0);
    assert!((hz - 800.0).abs() < 0.5, "{hz:.2} Hz");
    let connected = tower.status()["inputs"][1]["source"]["connected"].to_string();
    assert!(connected.contains(CLIENT), "{connected}");
}

#[test]
fn a_source_that_comes_through_nginx_in_chunks_is_heard() {
    let tower = common::setup().line(TRUSTED).line(DJ).start();
    let proxy = nginx(&tower);
    assert_source_heard(&tower, &format!("https://localhost:{}/live", proxy.port));
}

#[test]
fn a_source_that_comes_through_haproxy_in_chunks_is_heard_from_where_it_is() {
    let tower = common::setup().line(TRUSTED).line(DJ).start();
    let proxy = haproxy_http(&tower);
    assert_source_heard(&tower, &format!("https://localhost:{}/live", proxy.port));

    let lines = ["server.trusted_proxies = [\"127.0.0.2\"]", "server.proxy_protocol = true", DJ];
    let tower = lines.iter().fold(common::setup(), |setup, line| setup.line(line)).start();
    let port = free_port();
    let changes =
        [(":80\n", format!("127.0.0.1:{port}\n")), ("send-proxy-v2", "source 127.0.0.2 send-proxy-v2".into())];
    let proxy = haproxy(&tower, port, &documented("haproxy-tcp", &tower, &changes));
    assert_source_heard(&tower, &format!("http://127.0.0.1:{}/live", proxy.port));
}
