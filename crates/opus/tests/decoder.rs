//! The decoder beside the encoder: what one makes the other gives back. (What FFmpeg makes and gives
//! is compared in the tower's tests, which know Ogg.)

use radio_opus::decoder::{DecodeError, Decoder, Head, packet_samples};
use radio_opus::{Encoder, PACKET_SAMPLES, PRE_SKIP, Settings};

/// A head of one or two channels.
fn head(channels: u8, gain_q8: i16) -> Vec<u8> {
    let mut head = b"OpusHead\x01".to_vec();
    head.push(channels);
    head.extend((PRE_SKIP as u16).to_le_bytes());
    head.extend(48_000u32.to_le_bytes());
    head.extend(gain_q8.to_le_bytes());
    head.push(0);
    head
}

fn tone(samples: usize) -> Vec<i16> {
    let value = |n: usize| (8000.0 * (std::f64::consts::TAU * 440.0 * n as f64 / 48_000.0).sin()) as i16;
    (0..samples).flat_map(|n| [value(n), -value(n)]).collect()
}

fn packets(pcm: &[i16]) -> Vec<Vec<u8>> {
    let settings = Settings { channels: 2, mono: false, bitrate_kbps: 128 };
    let (mut encoder, mut packets) = (Encoder::new(settings).unwrap(), Vec::new());
    encoder.encode_interleaved(pcm, |packet| packets.push(packet.to_vec())).unwrap();
    encoder.flush(|packet| packets.push(packet.to_vec())).unwrap();
    packets
}

fn decoded(head: &[u8], packets: &[Vec<u8>]) -> Vec<f32> {
    let head = Head::read(head).unwrap();
    let mut decoder = Decoder::new(&head).unwrap();
    let mut pcm = Vec::new();
    for packet in packets {
        assert_eq!(packet_samples(packet), Some(PACKET_SAMPLES));
        pcm.extend_from_slice(decoder.decode(packet).unwrap());
    }
    pcm.split_off(2 * usize::from(head.pre_skip))
}

#[test]
fn a_tone_comes_back_at_its_time_and_with_the_gain_of_the_head() {
    let pcm = tone(48_000);
    let packets = packets(&pcm);
    let heard = decoded(&head(2, 0), &packets);
    let wanted: Vec<f32> = pcm.iter().map(|&value| f32::from(value) / 32_768.0).collect();
    let worst = (9600..90_000).map(|n| (heard[n] - wanted[n]).abs()).fold(0.0, f32::max);
    assert!(worst < 0.02, "{worst}");
    // 6.02 dB in steps of 1/256 dB.
    let louder = decoded(&head(2, 1541), &packets);
    let worst = (9600..90_000).map(|n| (louder[n] - 2.0 * heard[n]).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-3, "{worst}");
}

#[test]
fn heads_and_packets_that_make_no_sense_are_errors_and_the_next_packet_is_heard() {
    let stereo = head(2, 0);
    for wrong in [&b"OpusTags"[..], &stereo[..18], &head(0, 0), b""] {
        assert!(matches!(Head::read(wrong), Err(DecodeError::Head)));
    }
    let three = Head::read(&head(3, 0)).unwrap();
    assert!(matches!(Decoder::new(&three), Err(DecodeError::Mapping { family: 0, channels: 3 })));
    let mut decoder = Decoder::new(&Head::read(&stereo).unwrap()).unwrap();
    let packets = packets(&tone(9600));
    for damaged in [&b""[..], &[0xFF], &[0xFF, 0x3F], &[0xFF, 0xC0, 0xFF]] {
        assert!(decoder.decode(damaged).is_err(), "{damaged:?}");
        assert_eq!(packet_samples(damaged), None);
    }
    assert_eq!(decoder.decode(&packets[1]).unwrap().len(), 2 * PACKET_SAMPLES);
}
