//! Events are posted to receivers elsewhere, signed, in order, again and again if need be, and nobody waits for them
//! (SPEC API-4).

use crate::common;
use radio_proof::alarm::{wait_for, wait_until};
use radio_proof::tls::Certificate;
use radio_proof::tower::{ADMIN_PASSWORD, Setup, Tower};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver as Inbox, channel};
use std::time::Duration;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned};

const PATIENCE: Duration = Duration::from_secs(20);
const SECRET: &str = "a secret of some length";
const PATH: &str = "/hooks/token-of-the-receiver";

/// What a receiver was sent.
#[derive(Debug)]
struct Delivery {
    request_line: String,
    /// Names in lower case.
    headers: BTreeMap<String, String>,
    body: String,
}

impl Delivery {
    fn event(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    fn text(&self) -> String {
        self.event()["text"].as_str().expect("a sentence").to_owned()
    }
}

/// Somebody who is posted to, and answers the first deliveries with `answers`, the others with 204.
struct Receiver {
    address: SocketAddr,
    deliveries: Inbox<Delivery>,
}

impl Receiver {
    fn start(answers: impl IntoIterator<Item = &'static str, IntoIter: Send + 'static>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (sender, deliveries) = channel();
        let mut answers = answers.into_iter();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let Some(delivery) = read_delivery(&stream) else { continue };
                if sender.send(delivery).is_err() {
                    return;
                }
                let answer = answers.next().unwrap_or("204 No Content");
                let _ = write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n");
            }
        });
        Self { address, deliveries }
    }

    #[track_caller]
    fn next(&self) -> Delivery {
        self.deliveries.recv_timeout(PATIENCE).expect("a delivery")
    }
}

fn read_delivery(stream: impl Read) -> Option<Delivery> {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        Some(line.trim_end().to_owned())
    };
    let request_line = line()?;
    let mut headers = BTreeMap::new();
    while let Some((name, value)) = line()?.split_once(": ") {
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(Delivery { request_line, headers, body: String::from_utf8(body).ok()? })
}

fn webhooks(setup: Setup, hooks: &[(&str, SocketAddr, &str)]) -> Setup {
    let one = |(name, address, kinds): &(&str, SocketAddr, &str)| {
        format!("{{ name = {name:?}, url = \"http://{address}{PATH}\", secret = {SECRET:?}, kinds = [{kinds}] }}")
    };
    setup.line(&format!("webhook = [{}]", hooks.iter().map(one).collect::<Vec<_>>().join(", ")))
}

fn set_title(tower: &Tower, title: &str) {
    let answer = tower.send_as_admin("PUT", "/api/now-playing", &format!("{{\"title\": \"{title}\"}}"));
    assert_eq!(answer.head.status(), 202, "{}", answer.text());
}

/// What the program in docs/monitoring.md says of a delivery.
fn python_accepts(secret: &str, delivery: &Delivery, body: &str, age_s_max: u32) -> bool {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/monitoring.md");
    let page = std::fs::read_to_string(path).expect("the documentation");
    let example = page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let headers = ["X-Tower-Timestamp", "X-Tower-Signature"];
    let headers: BTreeMap<_, _> = headers.iter().map(|name| (name, &delivery.headers[&name.to_lowercase()])).collect();
    let headers = serde_json::to_string(&headers).expect("text");
    let call = format!(
        "{example}\nimport sys\nprint(is_from_the_tower({secret:?}, {headers}, sys.stdin.buffer.read(), {age_s_max}))\n"
    );
    let mut python = Command::new("python3")
        .args(["-c", &call])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3: apt-get install python3");
    python.stdin.take().expect("piped").write_all(body.as_bytes()).expect("it reads");
    let said = python.wait_with_output().expect("our own child");
    match String::from_utf8_lossy(&said.stdout).trim() {
        "True" => true,
        "False" => false,
        other => panic!("the example says {other:?}"),
    }
}

#[test]
fn an_alarm_arrives_signed_as_the_documentation_checks_it() {
    let receiver = Receiver::start([]);
    let tower = webhooks(common::setup(), &[("pager", receiver.address, "\"alarm\", \"alarm_over\"")])
        .line("fallback.tone = false")
        .line("alarm.silence_ms = 1000")
        .start();
    let delivery = receiver.next();
    assert_eq!(delivery.request_line, format!("POST {PATH} HTTP/1.1"));
    let event = delivery.event();
    assert!(delivery.text().starts_with("ALARM "), "{event}");
    let told = tower.get_as_admin("/api/events").json();
    let same = told["events"].as_array().expect("events").iter().find(|told| told["id"] == event["id"]).cloned();
    let epoch = tower.status()["epoch"].clone();
    assert_eq!(Some(&event), same.as_ref());
    let name = format!("{}-{}", epoch.as_str().expect("text"), event["id"]);
    let header = |name: &str| delivery.headers.get(name).map_or("", String::as_str);
    assert_eq!(header("x-tower-delivery"), name);
    assert_eq!((header("x-tower-event"), header("content-type")), ("alarm", "application/json"));

    assert!(python_accepts(SECRET, &delivery, &delivery.body, 300));
    assert!(!python_accepts("another secret of some length", &delivery, &delivery.body, 300));
    assert!(!python_accepts(SECRET, &delivery, &delivery.body.replace("ALARM", "alarm"), 300));
    let replayed = BTreeMap::from([("x-tower-timestamp".into(), "1700000000".to_owned())]);
    let headers = delivery.headers.iter().chain(&replayed).map(|(name, value)| (name.clone(), value.clone())).collect();
    let replayed = Delivery { headers, ..delivery };
    assert!(!python_accepts(SECRET, &replayed, &replayed.body, 300), "an old one");
    assert!(!python_accepts(SECRET, &replayed, &replayed.body, u32::MAX), "the time is signed");

    wait_until("the success to be told", PATIENCE, || tower.status()["webhooks"][0]["last_success_at"].is_number());
    let metrics = tower.get("/metrics").text();
    assert!(metrics.contains("tower_webhook_failing{webhook=\"pager\"} 0\n"), "{metrics}");
}

#[test]
fn what_a_receiver_could_not_take_comes_again_in_order_and_only_once() {
    let receiver = Receiver::start(["500 Internal Server Error", "500 Internal Server Error"]);
    let tower = webhooks(common::setup(), &[("studio", receiver.address, "\"action\"")]).start();
    ["one", "two", "three"].iter().for_each(|title| set_title(&tower, title));
    let attempts: Vec<Delivery> = (0..3).map(|_| receiver.next()).collect();
    for attempt in &attempts {
        assert!(attempt.text().contains("one"), "the first until it is delivered: {attempt:?}");
        assert_eq!(attempt.headers["x-tower-delivery"], attempts[0].headers["x-tower-delivery"]);
        assert!(python_accepts(SECRET, attempt, &attempt.body, 300), "signed at its time");
        assert!(attempt.event()["who"].as_str().is_some_and(|who| !who.is_empty()), "{attempt:?}");
    }
    for title in ["two", "three"] {
        let delivery = receiver.next();
        assert!(delivery.text().contains(title), "{title} after what was before it: {delivery:?}");
    }
    set_title(&tower, "four");
    assert!(receiver.next().text().contains("four"), "nothing is repeated");
    wait_until("all to be counted", PATIENCE, || tower.status()["webhooks"][0]["delivered"] == 4);
    let status = tower.status()["webhooks"][0].clone();
    assert_eq!((&status["failed_attempts"], &status["failed_in_a_row"]), (&2.into(), &0.into()), "{status}");
    assert_eq!(status["last_error"], "it answered 500 Internal Server Error");
    let metrics = tower.get("/metrics").text();
    assert!(metrics.contains("tower_webhook_delivered_total{webhook=\"studio\"} 4\n"), "{metrics}");
    assert!(metrics.contains("tower_webhook_queued_events{webhook=\"studio\"} 0\n"), "{metrics}");
}

#[test]
fn a_receiver_that_never_answers_holds_up_nobody_and_no_end() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let receiver = Receiver::start([]);
    let address = silent.local_addr().expect("bound");
    let hooks = [("silent", address, "\"action\""), ("well", receiver.address, "\"action\"")];
    let mut tower = webhooks(common::setup(), &hooks).start();
    set_title(&tower, "one");
    let (mut held, _) = silent.accept().expect("a delivery begins");
    let mut begin = [0; 4];
    held.read_exact(&mut begin).expect("a request");
    assert_eq!(&begin, b"POST");
    assert!(receiver.next().text().contains("one"), "the other one has it");
    let listener = tower.listen("/stream");
    listener.wait_bytes(64_000, PATIENCE);
    assert_eq!(tower.status()["webhooks"][0]["queued"], 1);

    let (status, took) = tower.terminate();
    assert!(status.success() && took < Duration::from_secs(2), "{status} after {took:?}");
    let mut rest = Vec::new();
    match held.read_to_end(&mut rest) {
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        Ok(_) => assert!(String::from_utf8_lossy(&rest).contains(PATH)),
    }
    let log = tower.stderr();
    assert!(!log.contains(SECRET) && !log.contains(PATH), "{log}");
}

#[test]
fn redirects_are_not_followed_and_a_receiver_that_is_gone_is_left_alone() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a free port");
    elsewhere.set_nonblocking(true).expect("our own socket");
    let location = format!("302 Found\r\nLocation: http://{}/", elsewhere.local_addr().expect("bound"));
    let moved = Receiver::start([&*location.leak()]);
    let gone = Receiver::start(["410 Gone"]);
    let hooks = [("moved", moved.address, "\"action\""), ("gone", gone.address, "\"action\"")];
    let tower = webhooks(common::setup(), &hooks).start();
    set_title(&tower, "one");
    assert!(moved.next().text().contains("one") && gone.next().text().contains("one"));
    assert!(moved.next().text().contains("one"), "tried again where it was");
    assert_eq!(elsewhere.accept().expect_err("nobody comes").kind(), ErrorKind::WouldBlock);
    let error = tower.status()["webhooks"][0]["last_error"].to_string();
    assert!(error.contains("302 Found, and redirects are not followed"), "{error}");

    let health = || tower.get("/healthz").json()["warnings"].to_string();
    wait_until("a warning", PATIENCE, || health().contains("the webhook gone is off"));
    set_title(&tower, "two");
    assert!(moved.next().text().contains("two"));
    assert!(gone.deliveries.try_recv().is_err(), "it wants nothing any more");
    let shown =
        Command::new(env!("CARGO_BIN_EXE_tower")).args(["config", "--config"]).arg(tower.path("tower.toml")).output();
    let shown = String::from_utf8_lossy(&shown.expect("tower config").stdout).into_owned();
    assert!(shown.contains("/********\"") && !shown.contains(SECRET) && !shown.contains(PATH), "{shown}");
    for target in ["/status", "/metrics", "/healthz", "/api/events"] {
        let text = tower.get_as_admin(target).text();
        assert!(![SECRET, PATH, ADMIN_PASSWORD].iter().any(|secret| text.contains(secret)), "{target}");
    }
}

/// Takes one delivery over TLS, on a thread.
fn receive_over_tls(certificate: &Certificate) -> (SocketAddr, Inbox<Delivery>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes()).expect("a key");
    let versions = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = versions.with_safe_default_protocol_versions().expect("ring has them").with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![certificate.der.clone()], key).expect("they belong together"));
    let (sender, deliveries) = channel();
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let Ok(server) = ServerConnection::new(Arc::clone(&config)) else { return };
            let mut stream = StreamOwned::new(server, socket);
            if let Some(delivery) = read_delivery(&mut stream) {
                let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                let _ = sender.send(delivery);
            }
        }
    });
    (address, deliveries)
}

#[test]
fn over_https_only_a_receiver_whom_the_machine_trusts_gets_anything() {
    let (trusted, other) = (Certificate::new(), Certificate::new());
    let ((good, deliveries), (bad, nothing)) = (receive_over_tls(&trusted), receive_over_tls(&other));
    let one = |name: &str, address: SocketAddr| {
        format!(
            "{{ name = {name:?}, url = \"https://localhost:{}{PATH}\", secret = {SECRET:?}, kinds = [\"action\"] }}",
            address.port()
        )
    };
    let setup = common::setup().line(&format!("webhook = [{}, {}]", one("good", good), one("bad", bad)));
    let path = setup.path("authorities.pem");
    std::fs::write(&path, &trusted.pem).expect("a temporary file");
    let tower = setup.variable("SSL_CERT_FILE", &path.display().to_string()).start();
    set_title(&tower, "one");
    let delivery = deliveries.recv_timeout(PATIENCE).expect("a delivery");
    assert!(delivery.text().contains("one") && delivery.headers["host"].starts_with("localhost:"), "{delivery:?}");
    let error = wait_for("the other one's error", PATIENCE, || {
        Some(tower.status()["webhooks"][1]["last_error"].as_str()?.to_owned())
    });
    assert!(error.starts_with("no TLS: invalid peer certificate"), "{error}");
    assert!(nothing.try_recv().is_err());
}
