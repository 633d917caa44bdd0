//! WAV files as programs leave them; the samples are those that were written.

use super::*;
use std::io::Cursor;

const SAMPLES: [u8; 24] = *b"abcdefghijklmnopqrstuvwx";

fn format(tag: u16, channels: u16, bits: u16) -> Vec<u8> {
    let block = channels * bits.div_ceil(8);
    let numbers = [tag, channels].map(u16::to_le_bytes).concat();
    let rates = [48_000, 48_000 * u32::from(block)].map(u32::to_le_bytes).concat();
    [numbers, rates, [block, bits].map(u16::to_le_bytes).concat()].concat()
}

fn extensible(valid_bits: u16, bits: u16, mask: u32) -> Vec<u8> {
    let extra = [22, valid_bits].map(u16::to_le_bytes).concat();
    [format(TAG_EXTENSIBLE, 2, bits), extra, mask.to_le_bytes().to_vec(), vec![1, 0], SUBFORMAT_GUID.to_vec()].concat()
}

fn sized(id: &[u8; 4], size: u32, content: &[u8]) -> Vec<u8> {
    [&id[..], &size.to_le_bytes(), content].concat()
}

fn riff(id: &[u8; 4], chunks: &[Vec<u8>]) -> Vec<u8> {
    [&id[..], &[0xFF; 4], b"WAVE", &chunks.concat()].concat()
}

/// The samples that are found, and the format of the header.
fn samples(file: Vec<u8>) -> Option<(Vec<u8>, Vec<u8>)> {
    let end = file.len() as u64;
    assert!(is_wave(&file));
    match read(&mut Cursor::new(&file), 0..end).expect("it is read")? {
        Wave::Compressed => None,
        Wave::Samples { header, data } => {
            let stated = u32::from_le_bytes(header[header.len() - 4..].try_into().expect("four bytes"));
            assert_eq!(u64::from(stated), data.end - data.start);
            let format = header[20..header.len() - 8].to_vec();
            Some((file[data.start as usize..data.end as usize].to_vec(), format))
        }
    }
}

#[test]
fn samples_are_found_whatever_the_sizes_say() {
    let (fmt, good) = (chunk(b"fmt ", &format(1, 2, 16)), chunk(b"data", &SAMPLES));
    let list = chunk(b"LIST", b"INFOISFT\x05\0\0\0Tools");
    let ds64 = [&[0; 8][..], &24u64.to_le_bytes(), &[0; 12]].concat();
    let cases: [(&str, Vec<u8>); 15] = [
        ("as it should be", riff(b"RIFF", &[fmt.clone(), good.clone()])),
        ("size 0", riff(b"RIFF", &[fmt.clone(), sized(b"data", 0, &SAMPLES)])),
        ("size 0x7fffffff", riff(b"RIFF", &[fmt.clone(), sized(b"data", 0x7FFF_FFFF, &SAMPLES)])),
        ("size 0xffffffff", riff(b"RIFF", &[fmt.clone(), sized(b"data", u32::MAX, &SAMPLES)])),
        ("larger than the file", riff(b"RIFF", &[fmt.clone(), sized(b"data", 30, &SAMPLES)])),
        ("chunks behind", riff(b"RIFF", &[fmt.clone(), good.clone(), list.clone()])),
        ("chunks before", riff(b"RIFF", &[list.clone(), chunk(b"bext", &[7; 602]), fmt.clone(), good.clone()])),
        ("odd without padding", riff(b"RIFF", &[fmt.clone(), sized(b"LIST", 5, b"INFO!"), good.clone()])),
        ("odd with padding", riff(b"RIFF", &[fmt.clone(), chunk(b"LIST", b"INFO!"), good.clone()])),
        (
            "a list that is larger than the file",
            riff(b"RIFF", &[fmt.clone(), sized(b"LIST", 1 << 30, b"INFO"), good.clone()]),
        ),
        (
            "a list that ends too early",
            riff(b"RIFF", &[fmt.clone(), sized(b"LIST", 6, b"INFO\x01\x02\x03\x04\x05\x06"), good.clone()]),
        ),
        (
            "RF64",
            riff(b"RF64", &[chunk(b"ds64", &ds64), fmt.clone(), sized(b"data", u32::MAX, &SAMPLES), list.clone()]),
        ),
        (
            "BW64",
            riff(b"BW64", &[chunk(b"ds64", &ds64), fmt.clone(), sized(b"data", u32::MAX, &SAMPLES), list.clone()]),
        ),
        (
            "a format of 18 bytes",
            riff(b"RIFF", &[chunk(b"fmt ", &[format(1, 2, 16), vec![0, 0]].concat()), good.clone()]),
        ),
        ("half a sample at the end", riff(b"RIFF", &[fmt.clone(), sized(b"data", 27, &SAMPLES), b"yz!".to_vec()])),
    ];
    for (name, file) in cases {
        assert_eq!(samples(file), Some((SAMPLES.to_vec(), format(1, 2, 16))), "{name}");
    }
    let nothing = riff(b"RIFF", &[fmt, sized(b"data", 0, b""), list]);
    assert_eq!(samples(nothing).map(|(found, _)| found.len()), Some(0), "no samples are none");
}

#[test]
fn wave64_is_read() {
    let chunk = |id: &[u8; 4], content: &[u8]| {
        let size = 24 + content.len() as u64;
        [&id[..], &W64_GUID, &size.to_le_bytes(), content, &[0; 8][..content.len().next_multiple_of(8) - content.len()]]
            .concat()
    };
    let file = [
        &W64_FIRST[..],
        &[0; 8],
        b"wave",
        &W64_GUID,
        &chunk(b"LIST", b"12345"),
        &chunk(b"fmt ", &format(1, 2, 16)),
        &chunk(b"data", &SAMPLES),
    ]
    .concat();
    assert_eq!(samples(file), Some((SAMPLES.to_vec(), format(1, 2, 16))));
}

#[test]
fn every_width_of_samples_gets_the_header_that_decoders_know() {
    let with = |format: Vec<u8>| {
        samples(riff(b"RIFF", &[chunk(b"fmt ", &format), chunk(b"data", &SAMPLES)])).map(|(_, format)| format)
    };
    assert_eq!(with(extensible(20, 24, 3)), Some(format(1, 2, 24)), "20 bits in 24");
    assert_eq!(with(format(1, 1, 20)), Some(format(1, 1, 24)), "20 bits, without saying so");
    assert_eq!(with(format(1, 1, 12)), Some(format(1, 1, 16)));
    let mut wide = format(1, 2, 24);
    wide[12] = 8;
    assert_eq!(with(wide), Some([format(1, 2, 32)[..8].to_vec(), format(1, 2, 32)[8..].to_vec()].concat()), "24 in 32");
    for (tag, bits) in [(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64)] {
        assert_eq!(with(format(tag, 2, bits)), Some(format(tag, 2, bits)));
    }
    assert_eq!(with(format(6, 1, 8)), Some([format(6, 1, 8), vec![0, 0]].concat()));
    for (tag, bits) in [(0x55, 0), (0x50, 16), (0x31, 0), (3, 16), (1, 64), (0xFFFE, 16)] {
        assert_eq!(with(format(tag, 2, bits)), None, "tag {tag} of {bits} bits");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_give_an_answer(bytes: Vec<u8>, is_w64: bool) {
        let head: &[u8] = if is_w64 { &W64_FIRST } else { b"RIFF____WAVEfmt " };
        let file = [head, &bytes].concat();
        let end = file.len() as u64;
        if let Ok(Some(Wave::Samples { data, .. })) = read(&mut Cursor::new(file), 0..end) {
            assert!(data.start <= data.end && data.end <= end);
        }
    }
}
