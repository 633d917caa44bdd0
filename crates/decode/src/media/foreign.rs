//! Which of FFmpeg's demuxers reads a file that no decoder of the tower reads, by its first bytes.
//!
//! Only those that read one file and nothing else: no lists, no addresses, no pictures.

/// Bytes of the beginning of a file by which it is known.
pub const HEAD_BYTES: usize = 1024;

/// Bytes at a place in the head, and the demuxer that they stand for.
const MAGIC: [(usize, &[u8], &str); 47] = [
    (4, b"ftyp", "mov"),
    (4, b"moov", "mov"),
    (4, b"mdat", "mov"),
    (4, b"wide", "mov"),
    (4, b"free", "mov"),
    (4, b"skip", "mov"),
    (4, b"pnot", "mov"),
    (0, b"\x30\x26\xB2\x75\x8E\x66\xCF\x11", "asf"),
    (0, b"riff\x2E\x91\xCF\x11", "w64"),
    (8, b"XWMA", "xwma"),
    (8, b"AVI ", "avi"),
    (8, b"QLCM", "qcp"),
    (8, b"WAVE", "wav"),
    (8, b"AIFF", "aiff"),
    (8, b"AIFC", "aiff"),
    (8, b"8SVX", "iff"),
    (8, b"16SV", "iff"),
    (8, b"MAUD", "iff"),
    (0, b"FRM8", "iff"),
    (0, b"caff", "caf"),
    (0, b"\x1A\x45\xDF\xA3", "matroska"),
    (0, b"OggS", "ogg"),
    (0, b"fLaC", "flac"),
    (0, b"MPCK", "mpc8"),
    (0, b"MP+", "mpc"),
    (0, b"MAC ", "ape"),
    (0, b"TTA1", "tta"),
    (0, b"wvpk", "wv"),
    (0, b"tBaK", "tak"),
    (0, b"DSD ", "dsf"),
    (0, b"ajkg", "shn"),
    (0, b"#!AMR", "amr"),
    (0, b".snd", "au"),
    (0, b"dns.", "au"),
    (0, b"Creative Voice File", "voc"),
    (0, b".RMF", "rm"),
    (0, b".ra\xFD", "rm"),
    (0, b"FLV\x01", "flv"),
    (0, b"EA3\x01", "oma"),
    (0, b"EA3\x03", "oma"),
    (0, b"ea3\x03", "oma"),
    (0, b".SoX", "sox"),
    (0, b"XoS.", "sox"),
    (0, b"STRM", "ast"),
    (0, b"\x7F\xFE\x80\x01", "dts"),
    (0, b"\xFE\x7F\x01\x80", "dts"),
    (0, b"\0\0\x01\xBA", "mpeg"),
];

/// The demuxer of a file that begins with `head`, which is what follows the tags in front.
#[must_use]
pub fn demuxer_of(head: &[u8]) -> Option<&'static str> {
    let is_at = |at: usize, bytes: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(bytes));
    let by_magic = MAGIC.into_iter().find(|&(at, bytes, _)| is_at(at, bytes)).map(|(.., name)| name);
    by_magic.or_else(|| by_sync(head))
}

/// Streams of frames have no magic, but a pattern with which every frame begins.
fn by_sync(head: &[u8]) -> Option<&'static str> {
    match *head {
        // Bits 11 to 15 of what follows the rates are the version: above 10 it is E-AC-3.
        [0x0B, 0x77, _, _, _, fifth, ..] => Some(if fifth >> 3 > 10 { "eac3" } else { "ac3" }),
        [0x56, second, ..] if second & 0xE0 == 0xE0 => Some("loas"),
        [0xFF, second, ..] if second & 0xF6 == 0xF0 => Some("aac"),
        [0xFF, second, third, ..] if second & 0xE0 == 0xE0 && second & 0x06 != 0 && third & 0xF0 != 0xF0 => Some("mp3"),
        [0x47, ..] if head.get(188) == Some(&0x47) && head.get(376) == Some(&0x47) => Some("mpegts"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_one_that_may_be_used() {
        let by_sync = ["eac3", "ac3", "loas", "aac", "mp3", "mpegts"];
        for name in MAGIC.into_iter().map(|(.., name)| name).chain(by_sync) {
            assert!(crate::media::demuxer::Demuxer::named(name).is_some(), "{name}");
        }
    }

    #[test]
    fn what_others_read_is_known_by_its_first_bytes() {
        let ts: Vec<u8> = (0..HEAD_BYTES).map(|at| if at % 188 == 0 { 0x47 } else { 0 }).collect();
        let cases: [(&[u8], Option<&str>); 14] = [
            (b"\0\0\0\x20ftypM4A ", Some("mov")),
            (b"RIFF____WAVEfmt ", Some("wav")),
            (b"RIFF____WEBPVP8 ", None),
            (b"FORM____AIFCFVER", Some("aiff")),
            (b"OggS\0\x02", Some("ogg")),
            (b"MP+\x07", Some("mpc")),
            (b"\x0B\x77\x12\x34\x50\x40", Some("ac3")),
            (b"\x0B\x77\x12\x34\x50\x80", Some("eac3")),
            (b"\x56\xE0\x12", Some("loas")),
            (b"\xFF\xF1\x50", Some("aac")),
            (b"\xFF\xFB\x00", Some("mp3")),
            (&ts, Some("mpegts")),
            (b"#EXTM3U\nhttp://example.org/", None),
            (b"", None),
        ];
        for (head, demuxer) in cases {
            assert_eq!(demuxer_of(head), demuxer, "{:?}", head.get(..12));
        }
    }
}
