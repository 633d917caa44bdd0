//! What comes out: constant bitrate, self-contained frames, at the stated time.

use radio_lame::{Encoder, Error, Settings};

const AT_128K: Settings = Settings { sample_rate_hz: 48_000, channels: 2, mono: false, bitrate_kbps: 128 };

/// A loud sum of two sines with a step, so that the encoder has something to do.
fn music(samples: usize, channels: usize) -> Vec<i16> {
    (0..samples)
        .flat_map(|i| {
            let t = i as f64 / 48_000.0;
            let level = if (i / 20_000) % 2 == 0 { 12_000.0 } else { 300.0 };
            let value =
                level * ((t * 440.0 * std::f64::consts::TAU).sin() + (t * 3_111.0 * std::f64::consts::TAU).sin());
            std::iter::repeat_n(value as i16, channels)
        })
        .collect()
}

fn encode(settings: Settings, pcm: &[i16], chunk: usize) -> Vec<u8> {
    let mut encoder = Encoder::new(settings).unwrap();
    let mut out = Vec::new();
    for part in pcm.chunks(chunk) {
        encoder.encode_interleaved(part, &mut out).unwrap();
    }
    encoder.flush(&mut out).unwrap();
    out
}

#[test]
fn every_frame_is_384_bytes_at_128k_and_its_main_data_is_its_own() {
    let stream = encode(AT_128K, &music(48_000, 2), 4608);
    assert_eq!(stream.len() % 384, 0);
    assert!(stream.len() / 384 >= 41);
    for frame in stream.chunks(384) {
        // MPEG-1 Layer III, no CRC; 128 kbit/s, 48 kHz, no padding; main_data_begin (9 bits) = 0.
        assert_eq!(frame[..3], [0xFF, 0xFB, 0x94]);
        assert_eq!((frame[4], frame[5] & 0x80), (0, 0));
    }
}

#[test]
fn frame_i_is_complete_when_1152_i_plus_1376_samples_are_in() {
    let pcm = music(48_000, 2);
    let mut encoder = Encoder::new(AT_128K).unwrap();
    let mut out = Vec::new();
    for (samples_in, sample) in pcm.chunks(2).enumerate() {
        encoder.encode_interleaved(sample, &mut out).unwrap();
        let complete = (samples_in + 1 + 1152).saturating_sub(1376) / 1152;
        assert_eq!(out.len(), complete * 384, "{} samples in", samples_in + 1);
    }
}

#[test]
fn chunking_changes_no_byte() {
    let pcm = music(30_000, 2);
    let whole = encode(AT_128K, &pcm, pcm.len());
    assert_eq!(encode(AT_128K, &pcm, 2), whole);
    assert_eq!(encode(AT_128K, &pcm, 2 * 1000), whole);
}

#[test]
fn an_encoder_that_starts_later_on_the_grid_ends_in_the_same_bytes() {
    let pcm = music(1152 * 120, 2);
    let whole = encode(AT_128K, &pcm, pcm.len());
    let late = encode(AT_128K, &pcm[1152 * 2 * 20..], pcm.len());
    assert_eq!(late[60 * 384..], whole[80 * 384..]);
    assert_ne!(late[..384], whole[20 * 384..21 * 384], "a cold start is heard at first");
}

#[test]
fn every_bitrate_it_offers_is_the_bitrate_it_makes() {
    for rate in [48_000, 44_100, 32_000, 24_000, 16_000, 8_000] {
        for &bitrate_kbps in radio_lame::bitrates_kbps(rate).unwrap() {
            let settings = Settings { sample_rate_hz: rate, channels: 1, mono: true, bitrate_kbps };
            let pcm = music(rate as usize, 1);
            let bytes = encode(settings, &pcm, pcm.len()).len() as f64;
            let wanted = f64::from(bitrate_kbps) * 125.0;
            assert!((bytes / wanted - 1.0).abs() < 0.2, "{settings:?}: {bytes} bytes in a second");
        }
    }
}

#[test]
fn silence_and_the_ends_of_the_scale_are_encoded() {
    for value in [0, i16::MIN, i16::MAX] {
        assert_eq!(encode(AT_128K, &vec![value; 1152 * 2 * 10], 4608).len() % 384, 0);
    }
}

#[test]
fn what_layer_iii_does_not_have_is_refused_with_what_it_has() {
    let refused = |settings| Encoder::new(settings).unwrap_err();
    assert_eq!(refused(Settings { channels: 3, ..AT_128K }), Error::Channels(3));
    assert_eq!(refused(Settings { channels: 0, ..AT_128K }), Error::Channels(0));
    assert_eq!(refused(Settings { sample_rate_hz: 47_999, ..AT_128K }), Error::SampleRate(47_999));
    let error = refused(Settings { bitrate_kbps: 129, ..AT_128K });
    assert!(error.to_string().contains("choose one of [32, 40"), "{error}");
    let mut encoder = Encoder::new(AT_128K).unwrap();
    assert!(matches!(encoder.encode_interleaved(&[0; 3], &mut Vec::new()), Err(Error::HalfSample { .. })));
}

#[test]
fn a_mono_frame_of_stereo_pcm_is_the_mean_of_both_channels() {
    let mean = music(30_000, 1);
    let apart: Vec<i16> = mean.iter().zip(0i16..).flat_map(|(&m, i)| [m + i % 700, m - i % 700]).collect();
    let mono = Settings { mono: true, bitrate_kbps: 64, ..AT_128K };
    let stream = encode(mono, &apart, apart.len());
    assert_eq!(stream, encode(Settings { channels: 1, ..mono }, &mean, mean.len()));
    for frame in stream.chunks(192) {
        assert_eq!((&frame[..3], frame[3] >> 6), (&[0xFF, 0xFB, 0x54][..], 0b11), "64 kbit/s, a single channel");
    }
}
