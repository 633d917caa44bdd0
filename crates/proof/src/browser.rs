//! A real browser without a screen: Chromium, spoken to over a pair of pipes in its DevTools protocol.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Longest wait for one answer, on a loaded machine.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at a page.
const LOOK: Duration = Duration::from_millis(50);

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// In CSS pixels.
    pub width: u32,
    /// In CSS pixels.
    pub height: u32,
    /// Whether dark colours are preferred.
    pub dark: bool,
}

/// A browser with one page; ended when dropped.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    page: String,
    next_id: u64,
    /// What the page complained of: errors on the console, exceptions, files that did not come.
    complaints: Vec<Value>,
    /// Addresses of what it asked for.
    requests: Vec<String>,
}

impl Browser {
    /// Starts one with an empty page. Its profile is kept in `folder`.
    #[track_caller]
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        // It reads commands from file 3 and answers to file 4.
        let script = "exec chromium \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1";
        let mut child = Command::new("sh")
            .args(["-c", script, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args([
                "--remote-debugging-pipe",
                "--no-first-run",
                "--disable-audio-output",
                "--autoplay-policy=no-user-gesture-required",
            ])
            .arg(format!("--user-data-dir={}", folder.join("profile").display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let to = child.stdin.take().expect("piped");
        let from = listen(child.stdout.take().expect("piped"));
        let mut browser =
            Self { child, to, from, page: String::new(), next_id: 0, complaints: Vec::new(), requests: Vec::new() };
        let target = browser.ask("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = browser.ask("Target.attachToTarget", json!({ "targetId": target, "flatten": true }));
        browser.page = attached["sessionId"].as_str().expect("a session").to_owned();
        for domain in ["Page.enable", "Runtime.enable", "Log.enable", "Network.enable"] {
            browser.ask(domain, json!({}));
        }
        browser
    }

    /// Goes to a page and waits for nothing.
    #[track_caller]
    pub fn open(&mut self, url: &str) {
        let answer = self.ask("Page.navigate", json!({ "url": url }));
        assert_eq!(answer["errorText"], Value::Null, "{url}");
    }

    /// Sets how the page is looked at.
    #[track_caller]
    pub fn look_at(&mut self, Screen { width, height, dark }: Screen) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.ask("Emulation.setDeviceMetricsOverride", metrics);
        let scheme = if dark { "dark" } else { "light" };
        self.ask(
            "Emulation.setEmulatedMedia",
            json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] }),
        );
    }

    /// The value of an expression on the page, promises waited for.
    #[track_caller]
    pub fn value(&mut self, expression: &str) -> Value {
        let arguments =
            json!({ "expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true });
        let answer = self.ask("Runtime.evaluate", arguments);
        assert_eq!(answer["exceptionDetails"], Value::Null, "{expression}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true; gives the time that took.
    #[track_caller]
    pub fn wait(&mut self, expression: &str, limit: Duration) -> Duration {
        let asked = Instant::now();
        while self.value(expression) != json!(true) {
            assert!(
                asked.elapsed() < limit,
                "waited {limit:?} in vain for {expression}; complaints: {:?}",
                self.complaints
            );
            std::thread::sleep(LOOK);
        }
        asked.elapsed()
    }

    /// Lets pages read and write the clipboard, and takes the page for the one in front, as they must be for that.
    #[track_caller]
    pub fn allow_clipboard(&mut self) {
        let permissions = json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
        self.ask("Browser.grantPermissions", permissions);
        self.ask("Emulation.setFocusEmulationEnabled", json!({ "enabled": true }));
    }

    /// Presses a key such as `Tab` or `Enter`.
    #[track_caller]
    pub fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Escape" => (27, ""),
            "Tab" => (9, ""),
            "End" => (35, ""),
            "Home" => (36, ""),
            "ArrowLeft" => (37, ""),
            "ArrowRight" => (39, ""),
            _ => panic!("no key {key}"),
        };
        let event = |kind: &str| json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": if kind == "keyDown" { text } else { "" } });
        self.ask("Input.dispatchKeyEvent", event("keyDown"));
        self.ask("Input.dispatchKeyEvent", event("keyUp"));
    }

    /// Types text where the focus is.
    #[track_caller]
    pub fn type_text(&mut self, text: &str) {
        self.ask("Input.insertText", json!({ "text": text }));
    }

    /// A picture of what the screen shows, as PNG in base64.
    #[track_caller]
    #[must_use]
    pub fn picture(&mut self) -> String {
        self.ask("Page.captureScreenshot", json!({ "format": "png" }))["data"].as_str().unwrap_or_default().to_owned()
    }

    /// What the page has complained of so far.
    #[must_use]
    pub fn complaints(&mut self) -> &[Value] {
        self.take_notes();
        &self.complaints
    }

    /// Addresses of all that pages have asked for so far.
    #[must_use]
    pub fn requests(&mut self) -> &[String] {
        self.take_notes();
        &self.requests
    }

    fn take_notes(&mut self) {
        while let Ok(message) = self.from.try_recv() {
            self.note(&message);
        }
    }

    #[track_caller]
    fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if !self.page.is_empty() {
            message["sessionId"] = json!(self.page);
        }
        let bytes = [message.to_string().as_bytes(), b"\0"].concat();
        self.to.write_all(&bytes).unwrap_or_else(|error| panic!("no browser ({error}): apt-get install chromium"));
        let deadline = Instant::now() + ANSWER_LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let answer = self
                .from
                .recv_timeout(left)
                .unwrap_or_else(|error| panic!("{method} ({error}): apt-get install chromium if there is none"));
            if answer["id"] == id {
                assert_eq!(answer["error"], Value::Null, "{method}");
                return answer["result"].clone();
            }
            self.note(&answer);
        }
    }

    fn note(&mut self, message: &Value) {
        let (method, told) = (message["method"].as_str().unwrap_or_default(), &message["params"]);
        match method {
            "Runtime.exceptionThrown" => self.complaints.push(told["exceptionDetails"].clone()),
            "Runtime.consoleAPICalled" if told["type"] == "error" => self.complaints.push(told["args"].clone()),
            "Log.entryAdded" if told["entry"]["level"] == "error" => self.complaints.push(told["entry"].clone()),
            "Network.requestWillBeSent" => {
                self.requests.push(told["request"]["url"].as_str().unwrap_or_default().to_owned());
            }
            _ => {}
        }
    }
}

/// Messages end with a zero byte.
fn listen(pipe: ChildStdout) -> Receiver<Value> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut bytes = Vec::new();
        while pipe.read_until(0, &mut bytes).is_ok_and(|count| count > 0) {
            bytes.pop();
            let Ok(message) = serde_json::from_slice(&bytes) else { break };
            bytes.clear();
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    receiver
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _status = self.child.wait();
    }
}
