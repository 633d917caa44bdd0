//! Titles in every way they come: a query or a form, blocks between the audio of another server, comments within Ogg. No
//! panic, no title beyond its limits, and a block that players can take.
#![no_main]

use libfuzzer_sys::fuzz_target;
use radio_tower::feeds::titles::TitledAudio;
use radio_tower::http::{now_playing, query::Query};
use radio_tower::source::comments::Comments;
use radio_tower::titles::title::{Charset, FIELD_CHARS_MAX};
use radio_tower::titles::{Title, icy};
use std::io::Read;

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

fuzz_target!(|bytes: &[u8]| {
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

    let mut comments = Comments::default();
    let titles = |comments: &mut Comments, bytes: &[u8]| comments.push(bytes);
    let whole = titles(&mut comments, bytes);
    whole.iter().for_each(check);
    let mut comments = Comments::default();
    let cut: Vec<Title> =
        bytes.chunks(1 + usize::from(interval)).flat_map(|piece| titles(&mut comments, piece)).collect();
    assert_eq!(whole, cut, "the chunking makes a difference");
});
