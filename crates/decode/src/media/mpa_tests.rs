//! Frames of MPEG audio, joined, cut and damaged.

use super::*;
use std::io::Cursor;

/// A silent frame of Layer III at 128 kbit/s.
fn frame(third: u8, fourth: u8) -> Vec<u8> {
    let mut frame = vec![0xFF, 0xFB, third, fourth];
    let bytes = Header::of(&frame).expect("a header").bytes;
    frame.resize(bytes, 0);
    frame
}

/// LAME's tag for so many frames, of which `padding` samples are added behind.
fn lame(frames: u32, delay: u32, padding: u32) -> Vec<u8> {
    let mut tag = frame(0x90, 0);
    tag[36..44].copy_from_slice(b"Info\0\0\0\x01");
    tag[44..48].copy_from_slice(&frames.to_be_bytes());
    tag[48..52].copy_from_slice(b"LAME");
    tag[69..72].copy_from_slice(&(delay << 12 | padding).to_be_bytes()[1..]);
    tag
}

/// How many samples of each rate come out, in their order.
fn heard(file: Vec<u8>) -> Vec<(u32, u64)> {
    let mut reader = MpaReader::new(Cursor::new(file)).expect("there is a frame");
    let mut heard: Vec<(u32, u64)> = Vec::new();
    loop {
        let rate_hz = reader.sound.rate_hz;
        match reader.next_packet() {
            Ok(Some(packet)) => {
                let samples = packet.dur.get() / u64::from(UNITS_PER_S / rate_hz);
                let kept = samples - packet.trim_start.get() - packet.trim_end.get();
                match heard.last_mut().filter(|(rate, _)| *rate == rate_hz) {
                    Some((_, sum)) => *sum += kept,
                    None => heard.push((rate_hz, kept)),
                }
            }
            Ok(None) => return heard,
            Err(Error::ResetRequired) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn headers_are_those_of_the_standard() {
    let of = |bytes: [u8; 4]| Header::of(&bytes).map(|header| (header.sound.rate_hz, header.bytes, header.samples));
    assert_eq!(of([0xFF, 0xFB, 0x90, 0x64]), Some((44_100, 417, 1152)));
    assert_eq!(of([0xFF, 0xFB, 0x92, 0x64]), Some((44_100, 418, 1152)));
    assert_eq!(of([0xFF, 0xF3, 0x84, 0xC4]), Some((24_000, 192, 576)));
    assert_eq!(of([0xFF, 0xE3, 0x88, 0xC4]), Some((8_000, 576, 576)));
    assert_eq!(of([0xFF, 0xFD, 0xC4, 0x04]), Some((48_000, 768, 1152)));
    assert_eq!(of([0xFF, 0xFF, 0xE4, 0x04]), Some((48_000, 448, 384)));
    for none in [[0xFF, 0xFB, 0x00, 0], [0xFF, 0xFB, 0xF0, 0], [0xFF, 0xEB, 0x90, 0], [0xFF, 0xF9, 0x90, 0]] {
        assert_eq!(of(none), None, "{none:x?}");
    }
}

#[test]
fn what_lame_has_added_is_cut_from_every_part_that_is_joined() {
    let part = [lame(10, 576, 1000), frame(0x90, 0).repeat(10)].concat();
    let samples = 10 * 1152 - 576 - 1000;
    assert_eq!(heard(part.clone()), [(44_100, samples)]);
    assert_eq!(heard(part.repeat(3)), [(44_100, 3 * samples)]);
    // The tag was written for less: no more than its padding is lost.
    let longer = [part, frame(0x90, 0).repeat(10)].concat();
    assert_eq!(heard(longer), [(44_100, samples + 10 * 1152)]);
}

#[test]
fn rates_and_channels_may_change() {
    let (stereo, mono, other) = (frame(0x90, 0).repeat(5), frame(0x90, 0xC0).repeat(5), frame(0x94, 0).repeat(5));
    let file = [stereo.clone(), other, mono, b"TAG and a tag's text in between".to_vec(), stereo].concat();
    assert_eq!(heard(file), [(44_100, 5 * 1152), (48_000, 5 * 1152), (44_100, 10 * 1152)]);
}

#[test]
fn damage_costs_the_frames_that_are_damaged() {
    let file = [vec![0x55; 999], frame(0x90, 0).repeat(20)].concat();
    assert_eq!(heard(file.clone()), [(44_100, 20 * 1152)], "junk in front");
    let mut hurt = file.clone();
    hurt[999 + 7 * 417..][..600].fill(0xFF);
    assert_eq!(heard(hurt), [(44_100, 18 * 1152)]);
    let cut = file[..file.len() - 10].to_vec();
    assert_eq!(heard(cut), [(44_100, 19 * 1152)]);
}

#[test]
fn a_position_is_found_to_the_sample() {
    let file = [lame(1000, 576, 1000), frame(0x90, 0).repeat(1000)].concat();
    let mut reader = MpaReader::new(Cursor::new(file)).expect("there is a frame");
    let units = i64::from(UNITS_PER_S) * 10;
    let to = SeekTo::Timestamp { ts: Timestamp::from(units), track_id: 0 };
    let reached = reader.seek(SeekMode::Accurate, to).expect("a position").actual_ts.get();
    assert!((units - 2 * EARLIER_UNITS..=units).contains(&reached), "{reached}");
    let mut samples = 0;
    while let Some(packet) = reader.next_packet().expect("a packet") {
        samples += 1152 - packet.trim_end.get();
    }
    let all = 1000 * 1152 - 576 - 529 - (1000 - 529);
    assert_eq!(samples + reached as u64 / u64::from(UNITS_PER_S / 44_100), all);
    assert!(
        reader.seek(SeekMode::Accurate, SeekTo::Timestamp { ts: Timestamp::from(units * 9), track_id: 0 }).is_err()
    );
}
