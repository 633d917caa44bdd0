//! Answers to requests that are refused before they reach anything.

/// What may be done with the mount of a source; libshout looks for `PUT` in it.
pub const SOURCE_METHODS: &str = "GET, PUT, OPTIONS, SOURCE";

pub(super) const JSON: &str = "application/json";
/// In each answer of the API.
const VERSION_LINE: &str = "X-Tower-Api: 1\r\n";

/// A request that is refused before it reaches anything: status, reason phrase and one line for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Its reason phrase.
    pub reason: &'static str,
    /// One line: what was wrong, or what to do.
    pub line: &'static str,
}

impl Refusal {
    /// A refusal.
    #[must_use]
    pub const fn new(status: u16, reason: &'static str, line: &'static str) -> Self {
        Self { status, reason, line }
    }

    /// The complete answer, its line as plain text.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        self.answer("text/plain; charset=utf-8", self.line)
    }

    /// The complete answer for a route of the API (SPEC API-6).
    #[must_use]
    pub fn to_json(self) -> Vec<u8> {
        self.answer(JSON, &serde_json::json!({ "error": self.line }).to_string())
    }

    fn answer(self, content_type: &str, line: &str) -> Vec<u8> {
        let extra = match self.status {
            405 => "Allow: GET, HEAD, OPTIONS\r\n",
            503 => "Retry-After: 10\r\n",
            401 => "WWW-Authenticate: Basic realm=\"Radio Tower\"\r\n",
            _ => "",
        };
        self.answer_with(&format!("{extra}Connection: close\r\n"), content_type, line)
    }

    /// The same for a page that asks for the password itself: no browser is to do so.
    #[must_use]
    pub fn to_page(self) -> Vec<u8> {
        let line = serde_json::json!({ "error": self.line }).to_string();
        self.answer_with("Connection: close\r\n", JSON, &line)
    }

    /// The complete answer for a source, which may ask again on the same connection if it `stays`.
    #[must_use]
    pub fn to_source(self, stays: bool) -> Vec<u8> {
        self.to_source_with(stays, self.line)
    }

    /// As [`to_source`](Self::to_source), with a line of its own.
    #[must_use]
    pub fn to_source_with(self, stays: bool, line: &str) -> Vec<u8> {
        let extra = match self.status {
            401 => "WWW-Authenticate: Basic realm=\"Radio Tower\"\r\n",
            429 => "Retry-After: 60\r\n",
            _ => "",
        };
        let connection = if stays { "keep-alive" } else { "close" };
        let extra = format!("{extra}Allow: {SOURCE_METHODS}\r\nConnection: {connection}\r\n");
        self.answer_with(&extra, "text/plain; charset=utf-8", line)
    }

    pub(crate) fn answer_with(self, extra: &str, content_type: &str, line: &str) -> Vec<u8> {
        let Self { status, reason, .. } = self;
        let api = if content_type == JSON { VERSION_LINE } else { "" };
        format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n{api}\
             X-Content-Type-Options: nosniff\r\nAccess-Control-Allow-Origin: *\r\n{extra}\r\n{line}\n",
            line.len() + 1
        )
        .into_bytes()
    }
}
