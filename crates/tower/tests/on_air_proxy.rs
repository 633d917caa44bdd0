//! What docs/behind-a-proxy.md tells operators to write, done with the real programs: whoever listens through them gets
//! every byte, as it comes.

mod common;
mod tls_support;

use radio_proof::alarm::{wait_for, wait_until};
use radio_proof::tower::{ADMIN_PASSWORD, Tower};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tls_support::{Certificate, FRAME_BYTES, assert_same};

const PATIENCE: Duration = Duration::from_secs(20);

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
        curl.args(["-sSN", "--http1.1", "--cacert"]).arg(self.tower.path("certificate.pem")).args(arguments);
        curl.arg("-o").arg(output).arg(format!("https://localhost:{}{target}", self.port));
        Running(curl.spawn().expect("curl: apt-get install curl"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.tower.path(name)
    }

    /// Everything that the page promises.
    fn prove(&self) {
        let tower = self.tower;
        let plain = tower.listen("/stream?burst=0");
        let (head, body) = (self.path("head"), self.path("body"));
        let _listening = self.curl(&["-D", &head.display().to_string()], "/stream", &body);
        let bytes = wait_for("sound through the proxy", PATIENCE, || {
            std::fs::read(&body).ok().filter(|bytes| bytes.len() >= 300 * FRAME_BYTES)
        });
        let head = std::fs::read_to_string(head).expect("a head").to_ascii_lowercase();
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let first: u64 = header("x-tower-frame").and_then(|number| number.trim().parse().ok()).expect("a frame");
        assert_same(&plain, first, &bytes);

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

#[test]
fn nginx_passes_everything_on_as_it_comes() {
    let tower = common::setup().start();
    Certificate::new().install(|name| tower.path(name));
    let port = free_port();
    let path = |name: &str| tower.path(name).display().to_string();
    let server = documented(
        "nginx",
        &tower,
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
    let proxy = start(&tower, port, nginx);
    proxy.prove();
    let head = std::fs::read_to_string(tower.path("head")).expect("a head").to_ascii_lowercase();
    assert!(!head.contains("chunked"), "old radios cannot read chunks: {head}");
}

#[test]
fn caddy_passes_everything_on_as_it_comes() {
    let tower = common::setup().start();
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
    start(&tower, port, caddy).prove();
}
