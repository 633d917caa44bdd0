//! Titles in every way they arrive: a query or a form, blocks between the audio of another server, comments within Ogg.
//!
//! Input: bytes of audio between two blocks, which is the size of a piece of Ogg too, then the bytes.

use radio_base::title::FIELD_CHARS_MAX;
use radio_base::title::Title;
use radio_config::Charset;
use radio_decode::media::stream::ogg::comments::title_of;
use radio_tower::feeds::titles::TitledAudio;
use radio_tower::http::now_playing;
use radio_tower::request::query::Query;
use radio_tower::titles::icy;
use std::io::Read;

/// No title exceeds its limits, players can read its block, and the chunking makes no difference.
pub fn run(bytes: &[u8]) {
    let Some((&interval, bytes)) = bytes.split_first() else { return };
    if let Some(title) = now_playing::title_of(&Query::parse(bytes)) {
        check(&title);
    }

    let (mut heard, mut audio) = (Vec::new(), Vec::new());
    TitledAudio::new(bytes, interval.into(), |title: String| heard.push(title))
        .read_to_end(&mut audio)
        .expect("bytes end");
    assert!(audio.len() <= bytes.len());
    heard.iter().for_each(|title| check(&Title::new("", title, "")));

    for beginning in [&b"\x03vorbis"[..], b"OpusTags", b"\x04\0\0\0"] {
        title_of(&[beginning, bytes].concat()).iter().for_each(check);
    }
}

fn check(title: &Title) {
    for field in [&title.artist, &title.title, &title.url] {
        assert!(field.chars().count() <= FIELD_CHARS_MAX && !field.chars().any(char::is_control));
    }
    for charset in [Charset::Utf8, Charset::Latin1] {
        let block = icy::block(Some(title), charset);
        // The fan-out pads it to 16 bytes and writes its length into one.
        assert!(block.starts_with(b"StreamTitle='") && block.ends_with(b"';") && block.len() <= 255 * 16);
    }
}
