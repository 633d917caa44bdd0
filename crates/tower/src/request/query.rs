//! Queries and forms, as bytes: old software percent-encodes whatever charset it has.

use percent_encoding::percent_decode;
use radio_base::text::utf8_or_latin1;

/// Parameters of one request at most; what comes after is not read.
const PARAMETERS_MAX: usize = 32;

/// The parameters of a query, or of the body of a form.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, Vec<u8>)>);

impl Query {
    /// Takes `a=b&c=d` apart. Anything can be parsed.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let decode = |bytes: &[u8]| {
            let spaced: Vec<u8> = bytes.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
            percent_decode(&spaced).collect::<Vec<u8>>()
        };
        let pair = |pair: &[u8]| {
            let at = pair.iter().position(|&byte| byte == b'=').unwrap_or(pair.len());
            let value = decode(pair.get(at + 1..).unwrap_or_default());
            let name = String::from_utf8_lossy(&decode(&pair[..at])).into_owned();
            // A password is compared as text, whatever charset its program writes in.
            let is_secret = ["pass", "password", "token"].contains(&name.as_str());
            let value = if is_secret { utf8_or_latin1(&value).into_owned().into_bytes() } else { value };
            (name, value)
        };
        Self(text.split(|&byte| byte == b'&').filter(|part| !part.is_empty()).take(PARAMETERS_MAX).map(pair).collect())
    }

    /// These parameters, and those of `other` where these have none.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// The first value of a parameter, in whatever charset.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_slice())
    }

    /// The first value of a parameter, if it is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.bytes(name).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_decoded_and_the_first_of_a_name_counts() {
        let query = Query::parse(b"mode=updinfo&song=A+%2D%20B%F6&song=C&empty&=x&&url=");
        assert_eq!(query.text("mode"), Some("updinfo"));
        assert_eq!(query.bytes("song"), Some(&b"A - B\xf6"[..]));
        assert_eq!((query.text("song"), query.text("empty"), query.text("url")), (None, Some(""), Some("")));
        assert_eq!(query.text("none"), None);
        assert_eq!(
            Query::parse(b"pass=h%E4ck&token=\xc3\xa4").text("pass"),
            Some("h\u{e4}ck"),
            "a password in Latin-1"
        );
        assert_eq!(Query::parse(b"a=1").or(Query::parse(b"a=2&b=3")).text("b"), Some("3"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_their_number_is_bounded(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            prop_assert!(Query::parse(&bytes).0.len() <= PARAMETERS_MAX);
        }
    }
}
