//! Tags as programs put them around audio.

use super::*;
use std::io::Cursor;

fn id3v1() -> Vec<u8> {
    [&b"TAG"[..], b"Title".as_slice(), &[0; 118], &[7, 12]].concat()
}

fn ape(flags: u32) -> Vec<u8> {
    let item = [&5u32.to_le_bytes()[..], &[0; 4], b"Title\0Fugue"].concat();
    let end = |flags: u32| {
        let size = u32::try_from(item.len() + 32).expect("a short one");
        [
            &b"APETAGEX"[..],
            &2000u32.to_le_bytes(),
            &size.to_le_bytes(),
            &1u32.to_le_bytes(),
            &flags.to_le_bytes(),
            &[0; 8],
        ]
        .concat()
    };
    let header = if flags & 1 << 31 != 0 { end(flags | 1 << 29) } else { Vec::new() };
    [header, item.clone(), end(flags)].concat()
}

fn id3v2(footer: bool) -> Vec<u8> {
    let (flags, body) = (if footer { 0x10 } else { 0 }, [0; 300]);
    let end = |id: &[u8]| [id, &[4, 0, flags, 0, 0, 2, 44]].concat();
    [end(b"ID3"), body.to_vec(), if footer { end(b"3DI") } else { Vec::new() }].concat()
}

#[test]
fn tags_on_both_sides_are_found_in_any_order() {
    let audio = vec![0xFF; 1000];
    let extended = [&b"TAG+"[..], &[0; 223]].concat();
    let lyrics3_v1 = b"LYRICSBEGINla la laLYRICSEND".to_vec();
    let lyrics3_v2 = b"LYRICSBEGININD0000211000021LYRICS200".to_vec();
    let behind = [
        vec![],
        vec![id3v1()],
        vec![ape(0)],
        vec![ape(1 << 31)],
        vec![ape(1 << 31), id3v1()],
        vec![lyrics3_v1, id3v1()],
        vec![ape(0), lyrics3_v2.clone(), id3v1()],
        vec![extended, id3v1()],
        vec![id3v1(), id3v1()],
        vec![id3v2(true)],
        vec![lyrics3_v2, ape(1 << 31), id3v1()],
    ];
    for front in [vec![], id3v2(false), id3v2(true), [id3v2(false), id3v2(true)].concat()] {
        for tags in &behind {
            let file = [front.clone(), audio.clone(), tags.concat()].concat();
            let found = layout(&mut Cursor::new(file)).expect("a layout");
            let start = front.len() as u64;
            assert_eq!(found.audio, start..start + 1000, "{} in front, {} behind", front.len(), tags.len());
            assert_eq!(found.ape.is_some(), tags.iter().any(|tag| tag.windows(3).any(|id| id == b"APE")));
        }
    }
}

#[test]
fn audio_is_not_taken_for_a_tag() {
    let mut like_id3v1 = id3v1();
    like_id3v1[60] = 3;
    let mut too_large = ape(0);
    let end = too_large.len() - 32;
    too_large[end + 12..end + 16].copy_from_slice(&u32::MAX.to_le_bytes());
    for bytes in [like_id3v1, too_large, id3v2(false)[..200].to_vec(), b"TAG".to_vec(), vec![]] {
        let length = bytes.len() as u64;
        assert_eq!(layout(&mut Cursor::new(bytes)).expect("a layout").audio, 0..length);
    }
}
