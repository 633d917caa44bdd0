//! Live streams that change on the way: every piece is heard, at its pitch and for its length
//! (SPEC IN-8). Each piece is a sine of its own frequency.

use crate::stream_material::{Kind, decode, decode_file, ffmpeg, piece, runs};

/// Sound that a change may cost.
const LOSS_MAX_S: f64 = 0.060;
const PIECE_S: f64 = 0.7;

/// What is heard of `pieces` in a row is their frequencies, each for its length.
#[track_caller]
fn assert_all_heard(stream: &[u8], pieces: &[(f64, f64)]) {
    let heard = decode(stream);
    let found = runs(&heard.left, &pieces.iter().map(|piece| piece.0).collect::<Vec<_>>());
    let hz = |runs: &[(f64, f64)]| runs.iter().map(|run| run.0).collect::<Vec<_>>();
    assert_eq!(hz(&found), hz(pieces), "{found:?}");
    for ((hz, seconds), (_, wanted)) in found.iter().zip(pieces) {
        assert!((seconds - wanted).abs() <= LOSS_MAX_S, "{hz} Hz: {seconds:.3} s of {wanted} s; {found:?}");
    }
    assert!(heard.ended_well, "the end of the bytes is the end of the stream");
}

#[test]
fn every_change_between_formats_rates_and_channels_of_elementary_streams_is_heard() {
    let kinds = [
        Kind::MP3_44100,
        Kind::MP3_48000,
        Kind::MP3_44100_MONO,
        Kind::MP3_22050_MONO,
        Kind::MP2_48000,
        Kind::AAC_44100,
        Kind::AAC_48000_MONO,
    ];
    let hz = |kind: usize| 400.0 + 300.0 * kind as f64;
    let made: Vec<Vec<u8>> = kinds.iter().enumerate().map(|(n, kind)| piece(*kind, hz(n), PIECE_S)).collect();
    // Each kind follows each other one once: steps of 1 to 6, round and round.
    let mut order = vec![0];
    for step in 1..kinds.len() {
        for _ in 0..kinds.len() {
            order.push((order[order.len() - 1] + step) % kinds.len());
        }
    }
    assert_eq!(order.len(), 1 + 7 * 6);
    let stream: Vec<u8> = order.iter().flat_map(|&n| made[n].clone()).collect();
    assert_all_heard(&stream, &order.iter().map(|&n| (hz(n), PIECE_S)).collect::<Vec<_>>());
}

#[test]
fn files_of_flac_and_of_wave_in_a_row_are_heard_with_any_size_in_their_heads() {
    for kind in [Kind::FLAC, Kind::WAV] {
        let made = [44_100, 48_000, 22_050, 96_000].iter().zip(1..);
        let made: Vec<_> = made
            .map(|(&rate_hz, n)| (piece(kind.at(rate_hz), f64::from(n) * 500.0, 1.0), f64::from(n) * 500.0))
            .collect();
        let stream: Vec<u8> = made.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
        assert_all_heard(&stream, &made.iter().map(|(_, hz)| (*hz, 1.0)).collect::<Vec<_>>());
    }
    let made = [(0, 500.0), (0x7FFF_FFFF, 900.0), (0xFFFF_FFFF_u32, 1400.0)];
    let wav = |&(size, hz): &(u32, f64)| {
        let mut bytes = piece(Kind::WAV.at(44_100), hz, 1.0);
        let data = bytes.windows(4).position(|four| four == b"data").expect("a chunk of samples");
        bytes[data + 4..data + 8].copy_from_slice(&size.to_le_bytes());
        bytes
    };
    let stream: Vec<u8> = made.iter().flat_map(wav).collect();
    assert_all_heard(&stream, &made.map(|(_, hz)| (hz, 1.0)));
}

#[test]
fn with_its_head_another_process_goes_on_in_the_middle_of_any_format() {
    let kinds = [
        (Kind::FLAC, Kind::FLAC.at(48_000)),
        (Kind::WAV, Kind::WAV.at(22_050)),
        (Kind::VORBIS_MONO, Kind::VORBIS),
        (Kind::OPUS, Kind::OGG_FLAC),
        (Kind::VORBIS, Kind::OPUS),
        (Kind::FLAC, Kind::MP3_44100),
    ];
    for (before, kind) in kinds {
        let (one, two) = (piece(before, 500.0, 1.0), piece(kind, 900.0, 2.0));
        let head = decode(&[one, two.clone()].concat()).heads.pop().expect("each kind has a head");
        let begin = decode(&two).heads.pop().map_or(0, |head| head.ahead as usize);
        let middle = begin + (two.len() - begin) / 8 * 4;
        let heard = decode(&[&head.bytes[..], &two[middle..]].concat());
        let found = runs(&heard.left, &[500.0, 900.0]);
        assert!(matches!(found[..], [(900.0, 0.3..=1.8)]), "{found:?}");
        assert_eq!(heard.heads.last().map(|again| &again.bytes), Some(&head.bytes), "it is told again");
    }
}

#[test]
fn a_chain_of_ogg_changes_codec_and_its_titles_come_before_their_sound() {
    let kinds = [Kind::VORBIS, Kind::OGG_FLAC, Kind::OPUS, Kind::VORBIS_MONO, Kind::OPUS, Kind::OPUS_MONO];
    let hz = |n: usize| 400.0 + 300.0 * n as f64;
    let stream: Vec<u8> = kinds.iter().enumerate().flat_map(|(n, kind)| piece(*kind, hz(n), 1.0)).collect();
    assert_all_heard(&stream, &(0..kinds.len()).map(|n| (hz(n), 1.0)).collect::<Vec<_>>());
    let titles = decode(&stream).titles;
    assert_eq!(titles.len(), kinds.len());
    for (n, (title, sample)) in titles.iter().enumerate() {
        assert_eq!(title, &format!("{} Hz", hz(n)));
        let late = *sample as f64 / 48_000.0 - n as f64;
        assert!((-0.1..=0.1).contains(&late), "{title} comes {late:.3} s late");
    }
}

#[test]
fn opus_of_several_channels_is_folded_and_speex_is_left_to_ffmpeg_whole() {
    let six = "aevalsrc=0|0|0.3*sin(2*PI*700*t)|0|0|0:c=5.1:s=48000:d=1";
    let opus = ffmpeg(&["-f", "lavfi", "-i", six, "-c:a", "libopus", "-b:a", "256k", "-f", "ogg"]);
    assert_all_heard(&opus, &[(700.0, 1.0)]);
    let mut speex = Vec::new();
    let page = |flags, number| radio_signal::ogg::page::PageHeader { flags, granule: 0, stream: 9, number };
    radio_signal::ogg::page::write(page(2, 0), &[b"Speex   1.2rc1"], &mut speex);
    radio_signal::ogg::page::write(page(0, 1), &[b"comments"], &mut speex);
    let heard = decode(&speex);
    assert_eq!((heard.needs, heard.unread), (Some("ogg"), speex));
}

#[test]
fn aac_that_may_have_sbr_is_left_to_ffmpeg_with_all_its_bytes() {
    let plain = piece(Kind::AAC_44100, 500.0, 1.0);
    let low = piece(Kind::AAC_44100.at(22_050), 900.0, 1.0);
    let heard = decode(&[&plain[..], &low].concat());
    assert_eq!(heard.needs, Some("aac"));
    assert!(heard.unread == low, "{} of {} bytes", heard.unread.len(), low.len());
}

/// The same samples as FFmpeg's decoder gives, as many, and at the same time.
#[test]
fn opus_is_decoded_as_ffmpeg_does_to_the_sample() {
    let noise = "anoisesrc=duration=2.345:color=pink:sample_rate=48000:amplitude=0.3:seed=5,highpass=f=300";
    for (channels, bitrate) in [(2, "96k"), (1, "24k"), (2, "16k")] {
        let coding = ["-ac", &channels.to_string(), "-c:a", "libopus", "-b:a", bitrate, "-f", "ogg"];
        let opus = ffmpeg(&[&["-f", "lavfi", "-i", noise][..], &coding].concat());
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("noise.opus");
        std::fs::write(&path, &opus).expect("a temporary file");
        let path = path.to_str().expect("a name").to_owned();
        let theirs = ffmpeg(&["-c:a", "libopus", "-i", &path, "-f", "f32le"]);
        let first = |all: &[u8]| f64::from(f32::from_le_bytes([all[0], all[1], all[2], all[3]]));
        let theirs: Vec<f64> = theirs.chunks_exact(4 * channels).map(first).collect();
        let ours = decode_file(&opus).left;
        assert_eq!(ours.len(), theirs.len(), "{channels} channels at {bitrate}");
        let power = |samples: &mut dyn Iterator<Item = f64>| samples.map(|value| value * value).sum::<f64>();
        let difference = power(&mut ours.iter().zip(&theirs).map(|(ours, theirs)| ours - theirs));
        let db = 10.0 * (difference / power(&mut theirs.iter().copied())).log10();
        println!("{channels} channels at {bitrate}: {db:.1} dB apart");
        assert!(db < -60.0, "{channels} channels at {bitrate}: {db:.1} dB apart");
    }
}
