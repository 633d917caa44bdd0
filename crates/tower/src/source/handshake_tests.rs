//! Requests of real programs, as traced, and what they are answered.

use super::*;
use crate::request::head::parse;
use proptest::prelude::*;

fn mount() -> Mount<'static> {
    static HACKME: std::sync::LazyLock<Credentials> = std::sync::LazyLock::new(|| Credentials::new("source", "hackme"));
    Mount { credentials: &HACKME, is_busy: false, must_wait: false }
}

fn head(lines: &str) -> Head {
    parse(format!("{lines}\r\n\r\n").as_bytes()).unwrap().unwrap()
}

const RIGHT: &str = "Authorization: Basic c291cmNlOmhhY2ttZQ==";
const WRONG: &str = "Authorization: Basic c291cmNlOndyb25n";

fn admitted(lines: &str) -> Admission {
    match decide(&head(lines), Some(mount())) {
        Verdict::Admit(admission) => *admission,
        other => panic!("{lines}\n{other:?}"),
    }
}

/// The status of the answer, and whether the connection is kept.
fn answered(lines: &str, mount: Mount<'_>) -> (u16, bool) {
    match decide(&head(lines), Some(mount)) {
        Verdict::Answer { bytes, stays } | Verdict::WrongPassword { bytes, stays } => {
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains(if stays { "Connection: keep-alive" } else { "Connection: close" }), "{text}");
            assert!(text.contains("Content-Length: ") && text.contains("Allow: GET, PUT, OPTIONS, SOURCE"), "{text}");
            (text[9..12].parse().unwrap(), stays)
        }
        Verdict::Admit(_) => panic!("{lines}"),
    }
}

#[test]
fn ffmpeg_is_told_to_continue_and_reads_no_further_answer() {
    let put = format!(
        "PUT /live HTTP/1.1\r\nUser-Agent: Lavf/59.27.100\r\nAccept: */*\r\nExpect: 100-continue\r\nConnection: close\r\n\
         Host: h:1\r\nContent-Type: audio/mpeg\r\nIcy-MetaData: 1\r\nIce-Public: 0\r\n{RIGHT}"
    );
    let admission = admitted(&put);
    assert_eq!((admission.format, admission.framing), (Format::Mp3, Framing::UntilEnd));
    assert_eq!((admission.welcome, admission.wants_final_answer), (&b"HTTP/1.1 100 Continue\r\n\r\n"[..], true));
    let legacy = admitted(&put.replace("PUT", "SOURCE").replace("Expect: 100-continue\r\n", ""));
    assert_eq!((legacy.welcome, legacy.wants_final_answer), (&b"HTTP/1.0 200 OK\r\n\r\n"[..], false));
}

#[test]
fn libshout_asks_first_without_a_password_and_then_on_the_same_connection() {
    let probe = "PUT /live HTTP/1.1\r\nHost: h:1\r\nUser-Agent: libshout/2.4.6\r\nContent-Type: audio/mpeg\r\n\
                 Content-Length: 0\r\nConnection: Keep-Alive\r\nice-public: 0\r\nice-name: no name\r\n\
                 Prefer: return=minimal";
    assert_eq!(answered(probe, mount()), (401, true));
    let again =
        probe.replace("Content-Length: 0\r\nConnection: Keep-Alive", &format!("{RIGHT}\r\nExpect: 100-continue"));
    let admission = admitted(&again);
    assert_eq!(admission.words.name, "no name");
    assert_eq!(admission.words.agent, "libshout/2.4.6");
}

#[test]
fn a_wrong_password_is_told_from_none() {
    let put = "PUT /live HTTP/1.1\r\nContent-Type: audio/mpeg\r\n";
    assert!(matches!(decide(&head(&format!("{put}{WRONG}")), Some(mount())), Verdict::WrongPassword { .. }));
    assert!(matches!(decide(&head(put.trim_end()), Some(mount())), Verdict::Answer { .. }));
    assert_eq!(answered(&format!("{put}{WRONG}"), mount()), (401, false));
}

#[test]
fn each_reason_has_its_status() {
    let put = format!("PUT /live HTTP/1.1\r\n{RIGHT}");
    assert_eq!(admitted(&put).format, Format::Unknown, "its bytes decide");
    assert_eq!(admitted(&format!("{put}\r\nContent-Type: audio/mp4")).format, Format::Unknown);
    let opus = format!("{put}\r\nContent-Type: audio/opus");
    assert_eq!(admitted(&opus).format, Format::Opus);
    let mp3 = format!("{put}\r\nContent-Type: audio/mpeg");
    assert_eq!(answered(&mp3, Mount { is_busy: true, ..mount() }), (403, false));
    assert_eq!(answered(&mp3, Mount { must_wait: true, ..mount() }), (429, false));
    assert_eq!(answered(&format!("{mp3}\r\nContent-Length: 0"), mount()), (200, true));
    assert_eq!(answered(&format!("{mp3}\r\nContent-Length: 0\r\nConnection: close"), mount()), (200, false));
    assert!(matches!(decide(&head(&mp3), None), Verdict::Answer { bytes, .. } if bytes.starts_with(b"HTTP/1.1 404")));
}

#[test]
fn bodies_with_an_end_are_answered_at_their_end() {
    let put = format!("PUT /live HTTP/1.1\r\n{RIGHT}\r\nContent-Type: audio/flac");
    let chunked = admitted(&format!("{put}\r\nTransfer-Encoding: chunked"));
    assert_eq!((chunked.framing, chunked.welcome, chunked.wants_final_answer), (Framing::Chunked, &b""[..], true));
    let file = admitted(&format!("{put}\r\nContent-Length: 500\r\nExpect: 100-continue"));
    assert_eq!((file.framing, file.wants_final_answer), (Framing::Length(500), true));
    let icecast = admitted(&put);
    assert_eq!((icecast.framing, icecast.welcome), (Framing::UntilEnd, &b"HTTP/1.0 200 OK\r\n\r\n"[..]));
}

#[test]
fn the_oldest_sources_do_not_say_what_they_send() {
    let admission = admitted(&format!("SOURCE /live ICE/1.0\r\nicy-name: Old\r\n{RIGHT}"));
    assert_eq!((admission.format, admission.words.name.as_str()), (Format::Unknown, "Old"));
}

proptest! {
    #[test]
    fn only_the_right_password_is_admitted_and_nothing_panics(
        method in "PUT|SOURCE",
        version in "HTTP/1.0|HTTP/1.1|ICE/1.0",
        headers in proptest::collection::vec(
            ("(?i)content-type|content-length|transfer-encoding|expect|ice-name|authorization", "[ -~\u{80}-\u{2ff}]{0,300}"),
            0..8,
        ),
    ) {
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        if let Ok(Some(head)) = parse(format!("{method} /live {version}\r\n{lines}\r\n").as_bytes()) {
            let verdict = decide(&head, Some(mount()));
            prop_assert!(!matches!(verdict, Verdict::Admit(_)), "{:?}", verdict);
            let words = Words::of(&head);
            prop_assert!(words.name.len() <= WORDS_BYTES_MAX && !words.name.contains('\n'));
        }
    }
}
