//! Any channel layout to left and right.

use symphonia::core::audio::{Channels, Position};

/// What a decoded value may be, where full scale is 1. A file of floats may hold any; a sum of such
/// must not become infinite.
const VALUE_MAX: f32 = 64.0;

/// How much of one channel goes to left and to right.
pub(crate) type Gains = (f32, f32);

/// -3 dB: a centre heard from two loudspeakers keeps its power (ITU-R BS.775).
const HALF_POWER: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// The gains of every channel of `channels`, in the order in which they are interleaved.
///
/// One channel goes to both sides at full level; two pass unchanged. More are folded as in ITU-R BS.775 and scaled
/// so that no side can clip. Where positions are unknown, the first two channels are taken for left and right.
pub(crate) fn gains(channels: &Channels) -> Vec<Gains> {
    match (channels, channels.count()) {
        (_, 0) => Vec::new(),
        (_, 1) => vec![(1.0, 1.0)],
        (_, 2) => vec![(1.0, 0.0), (0.0, 1.0)],
        (Channels::Positioned(positions), _) => never_clipping(positions.iter().map(gains_of).collect()),
        (_, count) => {
            let mut gains = vec![(0.0, 0.0); count];
            gains[0] = (1.0, 0.0);
            gains[1] = (0.0, 1.0);
            gains
        }
    }
}

/// The gains of channels in an order of their own.
pub(crate) fn gains_in_order(positions: &[Position]) -> Vec<Gains> {
    match positions.len() {
        1 => vec![(1.0, 1.0)],
        _ => never_clipping(positions.iter().copied().map(gains_of).collect()),
    }
}

fn gains_of(position: Position) -> Gains {
    let left = Position::REAR_LEFT
        | Position::SIDE_LEFT
        | Position::FRONT_LEFT_CENTER
        | Position::FRONT_LEFT_WIDE
        | Position::TOP_FRONT_LEFT
        | Position::TOP_REAR_LEFT
        | Position::TOP_SIDE_LEFT
        | Position::BOTTOM_FRONT_LEFT;
    let right = Position::REAR_RIGHT
        | Position::SIDE_RIGHT
        | Position::FRONT_RIGHT_CENTER
        | Position::FRONT_RIGHT_WIDE
        | Position::TOP_FRONT_RIGHT
        | Position::TOP_REAR_RIGHT
        | Position::TOP_SIDE_RIGHT
        | Position::BOTTOM_FRONT_RIGHT;
    if position == Position::FRONT_LEFT {
        (1.0, 0.0)
    } else if position == Position::FRONT_RIGHT {
        (0.0, 1.0)
    } else if left.contains(position) {
        (HALF_POWER, 0.0)
    } else if right.contains(position) {
        (0.0, HALF_POWER)
    } else if (Position::LFE1 | Position::LFE2).contains(position) {
        // BS.775 leaves the effects channel out of a stereo downmix.
        (0.0, 0.0)
    } else {
        (HALF_POWER, HALF_POWER)
    }
}

fn never_clipping(mut gains: Vec<Gains>) -> Vec<Gains> {
    let sum = |side: fn(&Gains) -> f32| gains.iter().map(side).sum::<f32>();
    let scale = 1.0 / sum(|g| g.0).max(sum(|g| g.1)).max(1.0);
    for (left, right) in &mut gains {
        *left *= scale;
        *right *= scale;
    }
    gains
}

/// Appends `interleaved`, folded by `gains`, to `stereo`, multiplied by `scale`.
///
/// A value that is no number (a float file may hold any bits) becomes silence.
pub(crate) fn fold(interleaved: &[f32], gains: &[Gains], scale: f32, stereo: &mut Vec<f32>) {
    if gains.is_empty() {
        return;
    }
    let finite = |value: f32| if value.is_finite() { value.clamp(-VALUE_MAX, VALUE_MAX) * scale } else { 0.0 };
    for frame in interleaved.chunks_exact(gains.len()) {
        let (mut left, mut right) = (0.0, 0.0);
        for (&value, &(to_left, to_right)) in frame.iter().zip(gains) {
            let value = finite(value);
            left += value * to_left;
            right += value * to_right;
        }
        stereo.extend([left, right]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use symphonia::core::audio::layouts::{CHANNEL_LAYOUT_5P1, CHANNEL_LAYOUT_MONO, CHANNEL_LAYOUT_STEREO};

    fn folded(channels: &Channels, frame: &[f32]) -> [f32; 2] {
        let mut out = Vec::new();
        fold(frame, &gains(channels), 1.0, &mut out);
        [out[0], out[1]]
    }

    #[test]
    fn mono_goes_to_both_sides_and_stereo_passes() {
        assert_eq!(folded(&CHANNEL_LAYOUT_MONO, &[0.25]), [0.25, 0.25]);
        assert_eq!(folded(&CHANNEL_LAYOUT_STEREO, &[0.25, -0.5]), [0.25, -0.5]);
    }

    #[test]
    fn surround_at_full_scale_does_not_clip_and_keeps_its_sides() {
        let [left, right] = folded(&CHANNEL_LAYOUT_5P1, &[1.0; 6]);
        assert!((left - 1.0).abs() < 1e-6 && (right - 1.0).abs() < 1e-6, "{left} {right}");
        // Left alone is heard on the left alone, the centre on both.
        let [left, right] = folded(&CHANNEL_LAYOUT_5P1, &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert!(left > 0.4 && right == 0.0);
        let [left, right] = folded(&CHANNEL_LAYOUT_5P1, &[0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        assert!(left > 0.25 && left == right);
        assert_eq!(folded(&CHANNEL_LAYOUT_5P1, &[0.0, 0.0, 0.0, 1.0, 0.0, 0.0]), [0.0, 0.0]);
    }

    #[test]
    fn what_is_no_number_becomes_silence() {
        assert_eq!(folded(&CHANNEL_LAYOUT_STEREO, &[f32::NAN, f32::INFINITY]), [0.0, 0.0]);
        assert_eq!(folded(&CHANNEL_LAYOUT_STEREO, &[1e36, -3.0]), [VALUE_MAX, -3.0]);
    }
}
