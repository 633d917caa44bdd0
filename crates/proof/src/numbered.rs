//! Numbered frames against a reference whose frame `i` is at index `i`: nothing missing, repeated, altered or shifted.

/// A frame that is not what its number says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Number under which the frame was received.
    pub number: u64,
    /// Bytes in which it differs from the reference frame.
    pub differing_bytes: usize,
    /// A few numbers near by whose reference frame it equals: what a shift, a gap or a repetition looks like.
    pub equals_instead: Vec<u64>,
}

/// How far around a number an equal frame is searched.
const NEIGHBOURHOOD: u64 = 200;

/// All frames of `received`, the first of which bears the number `first`, that differ from `reference`.
#[track_caller]
#[must_use]
pub fn mismatches(first: u64, received: &[&[u8]], reference: &[&[u8]]) -> Vec<Mismatch> {
    let mut found = Vec::new();
    for (number, &frame) in (first..).zip(received) {
        let Some(&expected) = reference.get(number as usize) else {
            break;
        };
        if frame == expected {
            continue;
        }
        let near = number.saturating_sub(NEIGHBOURHOOD)..(number + NEIGHBOURHOOD).min(reference.len() as u64);
        found.push(Mismatch {
            number,
            differing_bytes: frame.iter().zip(expected).filter(|(a, b)| a != b).count(),
            equals_instead: nearest(number, near.filter(|&other| reference[other as usize] == frame)),
        });
    }
    found
}

/// The few of `numbers` that are nearest to `number`: frames of silence equal a great many others.
fn nearest(number: u64, numbers: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut numbers: Vec<u64> = numbers.collect();
    numbers.sort_by_key(|other| other.abs_diff(number));
    numbers.truncate(4);
    numbers
}

/// Panics unless every received frame is the reference frame of its number and at least `at_least` were compared.
#[track_caller]
pub fn assert_identical(first: u64, received: &[&[u8]], reference: &[&[u8]], at_least: usize) {
    let compared = received.len().min(reference.len().saturating_sub(first as usize));
    assert!(compared >= at_least, "only {compared} of {at_least} frames could be compared");
    let wrong = mismatches(first, received, reference);
    let shown = &wrong[..wrong.len().min(5)];
    assert!(wrong.is_empty(), "{} of {compared} frames differ from frame {first} on, first: {shown:?}", wrong.len());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::tests::frame;

    fn reference() -> Vec<Vec<u8>> {
        (0..60).map(frame).collect()
    }

    fn slices(frames: &[Vec<u8>]) -> Vec<&[u8]> {
        frames.iter().map(Vec::as_slice).collect()
    }

    #[test]
    fn the_reference_itself_passes() {
        let reference = reference();
        assert_identical(10, &slices(&reference[10..40]), &slices(&reference), 30);
    }

    #[test]
    fn a_number_that_is_off_by_one_is_found() {
        let reference = reference();
        let wrong = mismatches(11, &slices(&reference[10..40]), &slices(&reference));
        assert_eq!(wrong.len(), 30);
        assert_eq!(wrong[0].equals_instead, [10]);
    }

    #[test]
    fn a_repeated_frame_is_found_at_its_place() {
        let reference = reference();
        let mut received = reference[10..40].to_vec();
        received.insert(5, received[4].clone());
        assert_eq!(mismatches(10, &slices(&received), &slices(&reference))[0].number, 15);
    }

    #[test]
    fn a_missing_frame_is_found_at_its_place() {
        let reference = reference();
        let mut received = reference[10..40].to_vec();
        received.remove(7);
        let wrong = mismatches(10, &slices(&received), &slices(&reference));
        assert_eq!((wrong[0].number, wrong[0].equals_instead.as_slice()), (17, &[18][..]));
    }

    #[test]
    fn a_flipped_bit_is_found_and_counted() {
        let reference = reference();
        let mut received = reference[10..40].to_vec();
        received[3][200] ^= 1;
        let wrong = mismatches(10, &slices(&received), &slices(&reference));
        assert_eq!((wrong.len(), wrong[0].number, wrong[0].differing_bytes), (1, 13, 1));
        assert!(wrong[0].equals_instead.is_empty());
    }

    #[test]
    #[should_panic(expected = "could be compared")]
    fn comparing_nothing_is_no_proof() {
        assert_identical(100, &[], &slices(&reference()), 1);
    }
}
