//! What comes out: constant bitrate, at the stated time, the same packets whenever an encoder
//! starts, and joins of codec instances that are not heard.

use opus_pure::{Application, OpusDecoder, OpusEncoder, RateControl};
use radio_opus::{
    Encoder, Error, LATENCY_SAMPLES, MEMORY_PACKETS, PACKET_SAMPLES, PRE_SKIP, SEGMENT_PACKETS, Settings,
};

const AT_96K: Settings = Settings { channels: 2, mono: false, bitrate_kbps: 96 };
const MONO_48K: Settings = Settings { channels: 2, mono: true, bitrate_kbps: 48 };

/// Struck chords, a beat of noise, level steps and rests, differently left and right.
fn music(samples: usize) -> Vec<i16> {
    const CHORDS: [[f64; 3]; 4] =
        [[220.0, 277.2, 329.6], [196.0, 246.9, 293.7], [146.8, 220.0, 349.2], [164.8, 207.7, 987.8]];
    let mut noise = 1u64;
    (0..samples)
        .flat_map(|i| {
            let t = i as f64 / 48_000.0;
            let (beat, since) = ((t / 0.4) as usize, t % 0.4);
            let level = [9000.0, 9000.0, 2500.0, 9000.0, 9000.0, 400.0, 9000.0, 0.0][beat / 9 % 8];
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let hiss = ((noise >> 40) as f64 / f64::from(1 << 23) - 1.0) * (-since * 30.0).exp() * 0.5;
            let tone = |shift: f64| -> f64 {
                let partial = |&hz: &f64| {
                    let turn = std::f64::consts::TAU * hz * t + shift;
                    (turn.sin() + 0.4 * (2.0 * turn).sin() + 0.2 * (5.0 * turn).sin()) * (-since * 4.0).exp()
                };
                CHORDS[beat % 4].iter().map(partial).sum::<f64>() / 3.0
            };
            [tone(0.0) + hiss, tone(0.7) - hiss * 0.5].map(|value| (value * level) as i16)
        })
        .collect()
}

/// The station's own fallback: nothing in it moves, so what an instance has decided stays.
fn steady_tone(samples: usize) -> Vec<i16> {
    let value = |i: usize| (3276.0 * (std::f64::consts::TAU * 440.0 * i as f64 / 48_000.0).sin()) as i16;
    (0..samples).flat_map(|i| [value(i); 2]).collect()
}

/// Packets of one codec instance that codes all of `pcm`, which is delayed as an encoder delays it.
fn one_instance(settings: Settings, pcm: &[i16]) -> Vec<Vec<u8>> {
    let channels = usize::from(settings.coded_channels());
    let mut one = OpusEncoder::new(48_000, channels, Application::RestrictedLowDelay).unwrap();
    (one.bitrate_bps, one.complexity) = (settings.bitrate_kbps as i32 * 1000, 10);
    (one.rate_control, one.lsb_depth) = (RateControl::Cbr, 16);
    let mut delayed = vec![0.0; (PACKET_SAMPLES - LATENCY_SAMPLES) * channels];
    delayed.extend(meant(settings, pcm));
    let packets = delayed.chunks_exact(PACKET_SAMPLES * channels).map(|frame| {
        let mut packet = vec![0; 1275];
        let bytes = one.encode(frame, PACKET_SAMPLES, &mut packet).unwrap();
        packet[..bytes].to_vec()
    });
    packets.collect()
}

/// What should be heard of `pcm`.
fn meant(settings: Settings, pcm: &[i16]) -> Vec<f32> {
    match settings.coded_channels() {
        1 => pcm.chunks_exact(2).map(|pair| f32::midpoint(pair[0].into(), pair[1].into()) / 32_768.0).collect(),
        _ => pcm.iter().map(|&value| f32::from(value) / 32_768.0).collect(),
    }
}

/// Packets of `pcm`, given in pieces of so many values, without the flush.
fn encode(settings: Settings, pcm: &[i16], piece: usize) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(settings).unwrap();
    let mut packets = Vec::new();
    for part in pcm.chunks(piece) {
        encoder.encode_interleaved(part, |packet| packets.push(packet.to_vec())).unwrap();
    }
    packets
}

/// What a player gets of the packets before it skips any: `f32`, interleaved.
fn decode(settings: Settings, packets: &[Vec<u8>]) -> Vec<f32> {
    let channels = usize::from(settings.coded_channels());
    let mut decoder = OpusDecoder::new(48_000, channels).unwrap();
    let mut frame = vec![0.0; PACKET_SAMPLES * channels];
    let frames = packets.iter().flat_map(|packet| {
        assert_eq!(decoder.decode(packet, PACKET_SAMPLES, &mut frame).unwrap(), PACKET_SAMPLES);
        frame.clone()
    });
    frames.collect()
}

/// Noise power of each packet's time against the programme.
fn noise(settings: Settings, pcm: &[i16], packets: &[Vec<u8>]) -> Vec<f64> {
    let channels = usize::from(settings.coded_channels());
    let (meant, heard) = (meant(settings, pcm), decode(settings, packets));
    let frame = PACKET_SAMPLES * channels;
    let pairs = meant.chunks_exact(frame).zip(heard[PRE_SKIP * channels..].chunks_exact(frame));
    pairs.map(|(a, b)| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()).collect()
}

#[test]
fn every_packet_is_one_frame_of_20_ms_of_celt_and_of_the_size_of_its_bitrate() {
    for (settings, bytes) in [
        (AT_96K, 240),
        (MONO_48K, 120),
        (Settings { bitrate_kbps: 16, ..MONO_48K }, 40),
        (Settings { bitrate_kbps: 256, ..MONO_48K }, 640),
        (Settings { bitrate_kbps: 320, ..AT_96K }, 800),
    ] {
        let packets = encode(settings, &music(48_000 * 4), 4608);
        assert!(packets.len() > 195);
        for packet in packets {
            // Table 2 of RFC 6716: CELT of any bandwidth is 16 and above, each fourth is 20 ms.
            let configuration = packet[0] >> 3;
            assert!(configuration >= 16 && configuration % 4 == 3, "{configuration}");
            assert_eq!((packet[0] >> 2 & 1) + 1, settings.coded_channels());
            assert_eq!((packet[0] & 3, packet.len()), (0, bytes), "{settings:?}");
        }
    }
}

#[test]
fn packet_i_is_complete_when_960_i_plus_768_samples_are_in() {
    let pcm = music(9600);
    let mut encoder = Encoder::new(AT_96K).unwrap();
    let mut packets = 0;
    for (samples_in, sample) in pcm.chunks(2).enumerate() {
        encoder.encode_interleaved(sample, |_| packets += 1).unwrap();
        let complete = (samples_in + 1 + PACKET_SAMPLES).saturating_sub(LATENCY_SAMPLES) / PACKET_SAMPLES;
        assert_eq!(packets, complete, "{} samples in", samples_in + 1);
    }
    assert_eq!(LATENCY_SAMPLES, 768);
}

#[test]
fn chunking_changes_no_byte() {
    let pcm = music(48_000 * 3);
    let whole = encode(MONO_48K, &pcm, pcm.len());
    assert_eq!(encode(MONO_48K, &pcm, 2), whole);
    assert_eq!(encode(MONO_48K, &pcm, 2 * 1000), whole);
}

#[test]
fn an_encoder_that_starts_at_any_later_segment_makes_the_same_packets_from_its_second_segment_on() {
    const SEGMENTS: usize = 6;
    let samples = SEGMENTS * SEGMENT_PACKETS * PACKET_SAMPLES;
    for (pcm, what) in [(music(samples), "music"), (steady_tone(samples), "a tone")] {
        for settings in [AT_96K, MONO_48K, Settings { bitrate_kbps: 320, ..AT_96K }] {
            let whole = encode(settings, &pcm, pcm.len());
            for segment in 1..SEGMENTS - 1 {
                let start = segment * SEGMENT_PACKETS;
                let late = encode(settings, &pcm[start * PACKET_SAMPLES * 2..], 4608);
                assert_eq!(
                    late[SEGMENT_PACKETS..],
                    whole[start + SEGMENT_PACKETS..],
                    "{settings:?}, {what}, {segment}"
                );
                assert_ne!(late[..4], whole[start..start + 4], "a cold start is not what was on air");
            }
        }
    }
}

/// Why there are segments: one instance makes other packets for as long as the programme stands
/// still.
#[test]
fn a_codec_instance_that_starts_later_in_a_steady_tone_does_not_end_in_the_same_packets_soon() {
    let pcm = steady_tone(4 * SEGMENT_PACKETS * PACKET_SAMPLES);
    let whole = one_instance(AT_96K, &pcm);
    let last_unequal = |start: usize| {
        let late = one_instance(AT_96K, &pcm[start * PACKET_SAMPLES * 2..]);
        let unequal = late.iter().zip(&whole[start..]).map(|(late, whole)| late != whole);
        unequal.enumerate().filter(|&(_, unequal)| unequal).map(|(n, _)| n).next_back()
    };
    let last: Vec<_> = (7..200).step_by(16).map(last_unequal).collect();
    println!("the last unequal packets are {last:?}");
    let never = last.iter().filter(|&&last| last > Some(MEMORY_PACKETS)).count();
    assert!(never > 0, "it forgets its past: see whether segments are still needed");
}

#[test]
fn a_packet_depends_on_no_pcm_older_than_segment_and_warm_up() {
    let pcm = music(4 * SEGMENT_PACKETS * PACKET_SAMPLES);
    let last = 4 * SEGMENT_PACKETS - 1;
    // One packet of PCM more: the codec's own delay reaches into it.
    let begin = (last - MEMORY_PACKETS) * PACKET_SAMPLES * 2;
    let mut other = pcm.clone();
    other[..begin].iter_mut().for_each(|value| *value = value.wrapping_mul(-3) / 7);
    let [packets, others] = [pcm, other].map(|pcm| encode(AT_96K, &pcm, 4608));
    assert_ne!(packets[..last - MEMORY_PACKETS], others[..last - MEMORY_PACKETS]);
    assert_eq!(packets[last], others[last]);
}

/// Beside one codec instance that codes all of it, as FFmpeg has: 24 joins each, none of which adds
/// noise that could be heard.
#[test]
fn a_join_of_two_instances_is_no_noisier_than_an_instance_that_goes_on() {
    let samples = 26 * SEGMENT_PACKETS * PACKET_SAMPLES;
    for (pcm, what) in [(music(samples), "music"), (steady_tone(samples), "a tone")] {
        for settings in [AT_96K, MONO_48K, Settings { bitrate_kbps: 24, ..MONO_48K }] {
            let both = [encode(settings, &pcm, pcm.len()), one_instance(settings, &pcm)];
            let [joined, whole] = both.map(|packets| noise(settings, &pcm, &packets));
            // Below -80 dBFS no more or less of it is heard.
            let floor = (3 * PACKET_SAMPLES * usize::from(settings.coded_channels())) as f64 * 1e-8;
            let around = |noise: &[f64], join: usize| noise[join - 1..join + 2].iter().sum::<f64>() + floor;
            let excess = (1..=24).map(|segment| {
                let join = segment * SEGMENT_PACKETS;
                10.0 * (around(&joined, join) / around(&whole, join)).log10()
            });
            let excess: Vec<f64> = excess.collect();
            let mean = excess.iter().sum::<f64>() / excess.len() as f64;
            let worst = excess.iter().copied().fold(f64::MIN, f64::max);
            println!("{settings:?}, {what}: {} joins, {mean:+.2} dB on average, {worst:+.2} dB at most", excess.len());
            assert!(mean < 0.5 && worst < 4.0, "{settings:?}, {what}: {mean:+.2} dB, {worst:+.2} dB at most");
        }
    }
}

#[test]
fn a_flush_gives_all_of_the_pcm() {
    for samples in [0, 1, 700, 960, 5000] {
        let pcm = music(samples);
        let mut encoder = Encoder::new(AT_96K).unwrap();
        let mut packets = Vec::new();
        encoder.encode_interleaved(&pcm, |packet| packets.push(packet.to_vec())).unwrap();
        encoder.flush(|packet| packets.push(packet.to_vec())).unwrap();
        let decoded = packets.len() * PACKET_SAMPLES;
        assert!((samples + PRE_SKIP..samples + PRE_SKIP + PACKET_SAMPLES).contains(&decoded), "{samples}: {decoded}");
    }
}

#[test]
fn silence_and_the_ends_of_the_scale_are_encoded() {
    for value in [0, i16::MIN, i16::MAX] {
        let packets = encode(AT_96K, &vec![value; PACKET_SAMPLES * 2 * 200], 4608);
        assert!(packets.len() >= 199 && packets.iter().all(|packet| packet.len() == 240));
    }
}

#[test]
fn what_opus_does_not_have_is_refused_with_what_it_has() {
    let refused = |settings| Encoder::new(settings).err().expect("refused").to_string();
    assert!(refused(Settings { channels: 3, ..AT_96K }).starts_with("3 channels"));
    assert!(refused(Settings { bitrate_kbps: 511, ..AT_96K }).ends_with("choose 6 to 510"));
    assert!(refused(Settings { bitrate_kbps: 257, ..MONO_48K }).ends_with("choose 6 to 256"));
    let mut encoder = Encoder::new(AT_96K).unwrap();
    assert!(matches!(encoder.encode_interleaved(&[0; 3], |_| {}), Err(Error::HalfSample { .. })));
}
