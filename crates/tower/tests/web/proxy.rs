//! Real proxies before a tower that keep their connections to it.

use radio_proof::alarm::wait_until;
use radio_proof::tower::Tower;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

/// A proxy before the tower that keeps its connections to it; ended when dropped.
pub(crate) struct Proxy {
    program: Child,
    pub(crate) address: SocketAddr,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _may_have_ended = self.program.kill();
        let _ = self.program.wait();
    }
}

fn proxy(tower: &Tower, program: &str, configure: impl Fn(SocketAddr) -> (Command, String)) -> Proxy {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let (mut command, text) = configure(free);
    let path = tower.path(program);
    std::fs::write(&path, text).expect("a temporary file");
    let quiet = command.arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = quiet.spawn().unwrap_or_else(|error| panic!("{program} ({error}): apt-get install {program}"));
    let proxy = Proxy { program: child, address: free };
    wait_until("the proxy", PATIENCE, || TcpStream::connect(free).is_ok());
    proxy
}

pub(crate) fn nginx(tower: &Tower) -> Proxy {
    let path = |name: &str| tower.path(name).display().to_string();
    let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let folders = folders.map(|kind| format!("{kind}_temp_path {};\n", path(kind))).concat();
    proxy(tower, "nginx", |address| {
        let mut nginx = Command::new("/usr/sbin/nginx");
        nginx.args(["-e", "stderr", "-c"]);
        let text = format!(
            "daemon off; master_process off; pid {};\nevents {{ worker_connections 64; }}\nhttp {{ access_log off;\n{folders}\
             upstream tower {{ server {}; keepalive 4; }}\n\
             server {{ listen {address}; location / {{ proxy_pass http://tower; proxy_http_version 1.1;\n\
             proxy_set_header Connection \"\"; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr; }} }} }}\n",
            path("nginx.pid"),
            tower.address,
        );
        (nginx, text)
    })
}

/// HAProxy for so many clients at the same time.
pub(crate) fn haproxy(tower: &Tower, clients: usize) -> Proxy {
    proxy(tower, "haproxy", |address| {
        let mut haproxy = Command::new("/usr/sbin/haproxy");
        haproxy.args(["-db", "-f"]);
        let text = format!(
            "global\n    maxconn {clients}\ndefaults\n    mode http\n    timeout connect 5s\n    timeout client 10s\n    timeout server 10s\n\
             frontend radio\n    bind {address}\n    option forwardfor\n    http-request set-header X-Forwarded-For %[src]\n\
             default_backend tower\nbackend tower\n    http-reuse always\n    server tower {}\n",
            tower.address,
        );
        (haproxy, text)
    })
}
