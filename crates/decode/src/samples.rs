//! Bytes of PCM from a process to samples.

use radio_signal::units::CHANNELS;

/// Bytes of one frame of stereo.
const FRAME_BYTES: usize = CHANNELS * size_of::<f32>();

/// Appends whole frames of stereo; bytes of one that is not whole stay in `odd`.
pub(super) fn append(bytes: &[u8], odd: &mut Vec<u8>, samples: &mut Vec<f32>) {
    odd.extend_from_slice(bytes);
    let whole = odd.len() - odd.len() % FRAME_BYTES;
    let values = odd[..whole].chunks_exact(size_of::<f32>());
    let values = values.map(|value| f32::from_le_bytes([value[0], value[1], value[2], value[3]]));
    // No decoder of ours writes another.
    samples.extend(values.map(|value| if value.is_finite() { value } else { 0.0 }));
    odd.drain(..whole);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_that_are_cut_in_two_are_joined() {
        let values = [0.5_f32, -1.0, 2.0, 0.25];
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        for size in 1..16 {
            let (mut odd, mut samples) = (Vec::new(), Vec::new());
            bytes.chunks(size).for_each(|piece| append(piece, &mut odd, &mut samples));
            assert_eq!(samples, values);
            assert!(odd.is_empty());
        }
    }
}
