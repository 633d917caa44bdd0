//! Who is the administrator: the configured password, or a token made at start (SPEC API-1).

use super::head::Head;
use super::query::Query;
use base64::Engine;
use subtle::ConstantTimeEq;

/// The one secret of this tower.
#[derive(Clone)]
pub struct Secret {
    secret: String,
    generated: bool,
}

impl Secret {
    /// The configured password, or a random token if there is none.
    #[must_use]
    pub fn from_password(password: &str) -> Self {
        if password.is_empty() {
            Self { secret: uuid::Uuid::new_v4().simple().to_string(), generated: true }
        } else {
            Self { secret: password.to_owned(), generated: false }
        }
    }

    /// The token, if it was made at start and has to be told to the operator.
    #[must_use]
    pub fn generated_token(&self) -> Option<&str> {
        self.generated.then_some(self.secret.as_str())
    }

    /// Whether a request carries the secret: `Authorization: Basic` (user `admin`), `Bearer`, `?token=` or `?pass=`.
    #[must_use]
    pub fn admits(&self, head: &Head) -> bool {
        let authorization = head.authorization.trim();
        let given = match authorization.split_once(' ') {
            Some((scheme, value)) if scheme.eq_ignore_ascii_case("basic") => basic_password(value.trim()),
            Some((scheme, value)) if scheme.eq_ignore_ascii_case("bearer") => Some(value.trim().to_owned()),
            _ => query_secret(head),
        };
        given.is_some_and(|given| self.is(&given))
    }

    /// Whether `given` is the secret.
    #[must_use]
    pub fn is(&self, given: &str) -> bool {
        bool::from(given.as_bytes().ct_eq(self.secret.as_bytes()))
    }
}

/// Shoutcast's software gives the password as `?pass=`.
fn query_secret(head: &Head) -> Option<String> {
    let query = Query::parse(head.query.as_bytes());
    query.text("token").or(query.text("pass")).map(str::to_owned)
}

/// A user and a password, such as a source gives.
#[derive(Clone)]
pub struct Credentials {
    user: String,
    password: String,
}

/// What a request says of who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// Nothing: it does not know yet that it must.
    Nothing,
    /// Something else.
    Wrong,
    /// User and password.
    Right,
}

impl Credentials {
    /// What must be given.
    #[must_use]
    pub fn new(user: &str, password: &str) -> Self {
        Self { user: user.to_owned(), password: password.to_owned() }
    }

    /// What `Authorization: Basic` of a request says. An empty password is never right.
    #[must_use]
    pub fn given(&self, head: &Head) -> Given {
        let authorization = head.authorization.trim();
        if authorization.is_empty() {
            return Given::Nothing;
        }
        let basic = authorization.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
        let Some(given) = basic.and_then(|(_, value)| decoded(value.trim())) else { return Given::Wrong };
        let wanted = format!("{}:{}", self.user, self.password);
        let right = bool::from(given.as_bytes().ct_eq(wanted.as_bytes())) && !self.password.is_empty();
        if right { Given::Right } else { Given::Wrong }
    }
}

fn decoded(encoded: &str) -> Option<String> {
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(encoded).ok()?).ok()
}

/// The password of `admin` in a Basic credential.
fn basic_password(encoded: &str) -> Option<String> {
    decoded(encoded)?.strip_prefix("admin:").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::head::parse;

    fn head(text: &str) -> Head {
        parse(text.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn the_password_is_asked_for_in_four_places() {
        let secret = Secret::from_password("hush");
        assert!(secret.admits(&head("GET /x HTTP/1.1\r\nAuthorization: Basic YWRtaW46aHVzaA==\r\n\r\n")));
        assert!(secret.admits(&head("GET /x HTTP/1.1\r\nAuthorization: Bearer hush\r\n\r\n")));
        assert!(secret.admits(&head("GET /x?token=hush HTTP/1.1\r\n\r\n")));
        assert!(secret.admits(&head("GET /admin.cgi?mode=updinfo&pass=h%75sh HTTP/1.1\r\n\r\n")));
    }

    #[test]
    fn everything_else_is_refused() {
        let secret = Secret::from_password("hush");
        for request in [
            "GET /x HTTP/1.1\r\n\r\n",
            "GET /x?token= HTTP/1.1\r\n\r\n",
            "GET /x?token=hushh HTTP/1.1\r\n\r\n",
            "GET /x HTTP/1.1\r\nAuthorization: Basic c291cmNlOmh1c2g=\r\n\r\n",
            "GET /x HTTP/1.1\r\nAuthorization: Basic ???\r\n\r\n",
        ] {
            assert!(!secret.admits(&head(request)), "{request}");
        }
    }

    #[test]
    fn a_source_gives_nothing_something_wrong_or_what_is_right() {
        let source = Credentials::new("source", "hackme");
        let given = |value: &str| source.given(&head(&format!("PUT /live HTTP/1.1\r\n{value}\r\n")));
        assert_eq!(given(""), Given::Nothing);
        assert_eq!(given("Authorization: Basic c291cmNlOmhhY2ttZQ==\r\n"), Given::Right);
        for wrong in ["Basic YWRtaW46aGFja21l", "Basic c291cmNlOmhhY2ttZQ", "Bearer hackme", "Basic", "Basic \u{e9}"] {
            assert_eq!(given(&format!("Authorization: {wrong}\r\n")), Given::Wrong, "{wrong}");
        }
        let open = Credentials::new("source", "");
        let empty = head("PUT /live HTTP/1.1\r\nAuthorization: Basic c291cmNlOg==\r\n\r\n");
        assert_eq!(open.given(&empty), Given::Wrong);
    }

    #[test]
    fn without_a_password_a_token_is_made_and_differs_each_time() {
        let (one, two) = (Secret::from_password(""), Secret::from_password(""));
        assert_ne!(one.generated_token(), two.generated_token());
        assert!(Secret::from_password("set").generated_token().is_none());
    }
}
