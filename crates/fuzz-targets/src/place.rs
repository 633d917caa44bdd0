//! A listener's record and its place in the stream.
//!
//! Input: a record of eight words, the length of the head, the interval between title blocks, then one byte a step.

use crate::decode;
use radio_fanout::record::{NO_JUMP, Place, Record, plan};

/// Audio comes in order, a title block after each interval, a jump at the end of a frame; no record causes a panic.
pub fn run(bytes: &[u8]) {
    let Some((words, head, metaint, steps)) = decode::<([u64; 8], u8, u8, &[u8])>(bytes) else { return };
    let [id, written, shape, base, blocks, title, jump, joined_frame] = words;
    let mut any = Record { id, written, shape, base, blocks, title, jump, joined_frame };
    let _ = (plan(&any, joined_frame), any.position());
    any.complete();
    any.go_on_at(id);

    let mut record = Record::new(1, 0, head.into(), metaint.into(), 0, 1000);
    let (mut position, mut since_block) = (1000, 0);
    for &step in steps {
        let bytes = 1 + u64::from(step >> 2);
        match plan(&record, record.written) {
            Place::Head { at, left } => {
                assert_eq!((at, at + left), (record.written, head.into()));
                record.written += left.min(bytes);
            }
            Place::Audio { position: at, left } => {
                assert_eq!(at, position);
                let taken = left.min(bytes);
                (position, since_block) = (position + taken, since_block + taken);
                record.written += taken;
                assert!(metaint == 0 || since_block <= u64::from(metaint));
                if step & 3 == 3 && record.jump == NO_JUMP {
                    record.jump = position + bytes;
                }
            }
            Place::BlockDue { position: at } => {
                assert_eq!((at, since_block), (position, metaint.into()));
                record.choose(bytes, step & 3);
            }
            Place::Block { version, at, left } => {
                assert_eq!((version, at + left), (record.title_version(), 1 + 16 * (record.title & 0xff)));
                record.written += left.min(bytes);
                if bytes >= left {
                    since_block = 0;
                }
            }
            Place::JumpDue => {
                assert_eq!(position, record.jump);
                position += bytes;
                record.go_on_at(position);
                record.jump = NO_JUMP;
            }
        }
        // Completing a block never changes the place.
        let before = record.position();
        record.complete();
        assert_eq!(record.position(), before);
    }
}
