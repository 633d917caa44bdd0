//! An encoder that goes wrong: it passes PCM to a real encoder and frames back, and does one thing amiss.
//!
//! ```text
//! saboteur [--charges FOLDER] [--while FILE] FAULT [FRAME] -- PROGRAM [ARGUMENT]...
//! ```
//!
//! `FAULT` happens at the frame `FRAME` of each process (0), or only if there is a file in `FOLDER` left, which is then
//! removed. `mute`, `corrupt`, `quiet`, `hush` and `slow-motion` happen from then on while `FILE` exists; with `told` it says
//! which of the last three, or `garble WORD`: one frame, of any codec, of an encoder whose command has this word. Frames are
//! taken to be of 384 bytes otherwise: 128 kbit/s at 48 kHz. For tests only.

use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio, abort, exit};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const FRAME_BYTES: usize = 384;

/// Header and side information of a stereo frame; the sound itself is behind them.
const SIDE_BYTES: usize = 36;

/// What each frame of a heavy encoder costs: a third of a processor.
const HEAVY_NS: i64 = 8_000_000;

/// What a poisoned encoder cannot bear: these four stereo samples in a row.
const POISON: [i16; 8] = [0x1234, -0x1235, 0x2345, -0x2346, 0x3456, -0x3457, 0x4567, -0x4568];

struct Order {
    fault: String,
    at_frame: u64,
    charges: Option<String>,
    during: Option<String>,
    program: Vec<String>,
}

fn main() {
    let order = match order(std::env::args().skip(1)) {
        Ok(order) => order,
        Err(error) => {
            eprintln!("saboteur: {error}");
            exit(2);
        }
    };
    if let Err(error) = sabotage(&order) {
        eprintln!("saboteur: {error}");
        exit(1);
    }
}

fn order(mut arguments: impl Iterator<Item = String>) -> Result<Order, String> {
    let (mut words, mut charges, mut during) = (Vec::new(), None, None);
    while let Some(word) = arguments.next().filter(|word| word != "--") {
        match word.as_str() {
            "--charges" => charges = arguments.next(),
            "--while" => during = arguments.next(),
            _ => words.push(word),
        }
    }
    let fault = words.first().ok_or("which fault?")?.clone();
    let at_frame = words.get(1).map_or(Ok(0), |frame| frame.parse()).map_err(|error| format!("FRAME: {error}"))?;
    Ok(Order { fault, at_frame, charges, during, program: arguments.collect() })
}

/// Whether the fault is to happen: there is no limit, or this process is the one to remove a file.
fn fires(order: &Order) -> bool {
    let Some(folder) = &order.charges else { return true };
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.map(|file| file.path()).any(|path| std::fs::remove_file(path).is_ok())
}

fn sabotage(order: &Order) -> io::Result<()> {
    let (program, arguments) = order.program.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut encoder = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let stdin = encoder.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let close_stdin = Arc::new(AtomicBool::new(false));
    let poisoned = order.fault == "poison";
    let bend = Bend { fault: order.fault.clone(), during: order.during.clone(), ..Bend::default() };
    std::thread::spawn({
        let close_stdin = Arc::clone(&close_stdin);
        move || pass_pcm(stdin, poisoned, bend, &close_stdin)
    });
    pass_frames(&mut encoder, order, &close_stdin)
}

/// Whether a fault that lasts is on: there is no end to it, or the file that says so is there.
fn lasts(during: Option<&str>) -> bool {
    during.is_none_or(|file| Path::new(file).exists())
}

/// The fault that is on now: what the file says, if that is to say it.
fn told(fault: &str, during: Option<&str>) -> String {
    let says = |file| std::fs::read_to_string(file).unwrap_or_default();
    if fault == "told" { during.map(says).unwrap_or_default() } else { fault.to_owned() }
}

/// Does something to the PCM on its way, sample for sample.
#[derive(Default)]
struct Bend {
    fault: String,
    during: Option<String>,
    rest: Vec<u8>,
    queue: Vec<[u8; 4]>,
    position: f64,
}

impl Bend {
    /// Slow motion plays four fifths of what comes.
    const SPEED: f64 = 0.8;

    fn pass(&mut self, bytes: &[u8]) -> Vec<u8> {
        if !["quiet", "hush", "slow-motion", "told"].contains(&self.fault.as_str()) {
            return bytes.to_vec();
        }
        let fault = told(&self.fault, self.during.as_deref());
        self.rest.extend_from_slice(bytes);
        let whole: Vec<u8> = self.rest.drain(..self.rest.len() / 4 * 4).collect();
        if !lasts(self.during.as_deref()) || !["quiet", "hush", "slow-motion"].contains(&fault.as_str()) {
            (self.queue, self.position) = (Vec::new(), 0.0);
            return whole;
        }
        if fault == "hush" {
            return vec![0; whole.len()];
        }
        if fault == "quiet" {
            let tenth = |pair: &[u8]| (i16::from_le_bytes([pair[0], pair[1]]) / 10).to_le_bytes();
            return whole.chunks_exact(2).flat_map(tenth).collect();
        }
        let slow = |sample: &[u8]| {
            self.queue.push([sample[0], sample[1], sample[2], sample[3]]);
            self.position += Self::SPEED;
            self.queue[self.position as usize]
        };
        whole.chunks_exact(4).flat_map(slow).collect()
    }
}

/// Own stdin to the encoder's. At the end the encoder's is closed as well, unless the fault is just that.
fn pass_pcm(mut encoder: ChildStdin, poisoned: bool, mut bend: Bend, close_stdin: &AtomicBool) {
    let poison: Vec<u8> = POISON.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let mut piece = vec![0; 16 * 1024];
    let mut last = Vec::new();
    loop {
        let count = match rustix::io::read(rustix::stdio::stdin(), &mut piece[..]) {
            Ok(0) => return,
            Ok(count) => count,
            Err(Errno::INTR) => continue,
            Err(_) => return,
        };
        if close_stdin.load(Ordering::Acquire) {
            let _left_open = onto_nothing(|nothing| rustix::stdio::dup2_stdin(nothing));
            live_on();
        }
        if poisoned {
            last.extend_from_slice(&piece[..count]);
            if last.windows(poison.len()).any(|window| window == poison) {
                abort();
            }
            last.drain(..last.len().saturating_sub(poison.len()));
        }
        if encoder.write_all(&bend.pass(&piece[..count])).is_err() {
            return;
        }
    }
}

/// The encoder's frames to own stdout, with the fault among them.
fn pass_frames(encoder: &mut Child, order: &Order, close_stdin: &AtomicBool) -> io::Result<()> {
    let mut stdout = encoder.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let mut frame = vec![0; FRAME_BYTES];
    let (mut since, mut fault) = (Instant::now(), order.fault.as_str());
    for number in 0.. {
        if stdout.read_exact(&mut frame).is_err() {
            return Ok(());
        }
        if number < order.at_frame {
            write(&frame)?;
            continue;
        }
        let now = number == order.at_frame;
        if now {
            since = Instant::now();
            fault = if fires(order) { fault } else { "none" };
        }
        match fault {
            "close-stdout" => {
                onto_nothing(|nothing| rustix::stdio::dup2_stdout(nothing))?;
                live_on();
            }
            "close-stdin" => {
                close_stdin.store(true, Ordering::Release);
                write(&frame)?;
            }
            "die" => exit(1),
            "half-frame" => {
                write(&frame[..FRAME_BYTES / 2])?;
                exit(1);
            }
            "garbage-between" if now => write(&[&[0x55; 200], &frame[..]].concat())?,
            "garbage-inside" if now => write(&[&frame[..200], &[0x55; 77], &frame[200..]].concat())?,
            "wrong-bitrate" => write(&with_header(&frame, 2, 0xf0, 0x70, 288))?,
            "wrong-rate" => write(&with_header(&frame, 2, 0x0c, 0x00, 417))?,
            "id3v2" if now => write(&[&b"ID3\x04\0\0\0\0\0\x64"[..], &[0; 100], &frame].concat())?,
            "xing" if now => write(&[&xing(&frame)[..], &frame].concat())?,
            "eat-memory" => eat_memory(),
            "slow" => {
                let due = since + Duration::from_secs_f64((number - order.at_frame) as f64 * 0.024 / 0.9);
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                write(&frame)?;
            }
            "heavy" => {
                burn(HEAVY_NS);
                write(&frame)?;
            }
            "repeat" if now => write(&[&frame[..], &frame].concat())?,
            "drop" if now => {}
            "mute" if lasts(order.during.as_deref()) => {
                // With no bits of any spectrum it is silence, in a frame as good as any.
                frame[4..].fill(0);
                write(&frame)?;
            }
            "corrupt" if order.during.as_ref().is_some_and(|file| std::fs::remove_file(file).is_ok()) => {
                garble(&mut frame[SIDE_BYTES..]);
                write(&frame)?;
            }
            "told" => {
                garble_if_told(order, &mut frame);
                write(&frame)?;
            }
            "flip" if now => {
                frame[200] ^= 0x10;
                write(&frame)?;
            }
            _ => write(&frame)?,
        }
    }
    Ok(())
}

/// Other bytes in the place of these.
fn garble(bytes: &mut [u8]) {
    let mut state = 1u32;
    for byte in bytes {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (state >> 24) as u8;
    }
}

/// The same within the one frame or page that begins in these bytes, behind what says how long it is, if the file says
/// `garble WORD` and the encoder's command has that word. Whoever does it removes the file.
fn garble_if_told(order: &Order, bytes: &mut [u8]) {
    let told = told(&order.fault, order.during.as_deref());
    let Some(word) = told.strip_prefix("garble ") else { return };
    let begins = |at: &usize| {
        let bytes = &bytes[*at..];
        bytes.starts_with(b"OggS") || bytes[0] == 0xff && matches!(bytes[1] & 0xfe, 0xf0 | 0xf8 | 0xfa)
    };
    let starts: Vec<usize> = (0..bytes.len() - 1).filter(begins).collect();
    let Some(&start) = starts.first().filter(|start| **start < bytes.len() / 2) else { return };
    let end = starts.iter().copied().find(|next| *next > start + 2 * SIDE_BYTES).unwrap_or(bytes.len());
    let is_it = order.program.iter().any(|argument| argument == word);
    if is_it && order.during.as_ref().is_some_and(|file| std::fs::remove_file(file).is_ok()) {
        garble(&mut bytes[start + SIDE_BYTES..end]);
    }
}

/// `frame` of another format: bits of one header byte replaced, and another length.
fn with_header(frame: &[u8], byte: usize, mask: u8, value: u8, length: usize) -> Vec<u8> {
    let mut other = frame.to_vec();
    other[byte] = other[byte] & !mask | value;
    other.resize(length, 0);
    other
}

/// What encoders put before the first frame of a file: a frame that holds no audio but the word `Info`.
fn xing(frame: &[u8]) -> Vec<u8> {
    let mut info = vec![0; FRAME_BYTES];
    info[..4].copy_from_slice(&frame[..4]);
    info[36..40].copy_from_slice(b"Info");
    info
}

/// All of it, and at once: a pipe, so nothing may wait in a buffer of ours.
fn write(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(rustix::stdio::stdout(), bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Puts `/dev/null` in the place of a pipe, which closes our end of it.
fn onto_nothing(put: impl FnOnce(std::os::fd::BorrowedFd<'_>) -> rustix::io::Result<()>) -> io::Result<()> {
    let nothing = File::options().read(true).write(true).open("/dev/null")?;
    Ok(put(nothing.as_fd())?)
}

/// 16 MiB and 16 MiB, until a limit ends it, or 4 GiB are reached.
fn eat_memory() -> ! {
    let mut eaten = Vec::new();
    for _ in 0..256 {
        eaten.push(vec![0u8; 16 << 20]);
    }
    eprintln!("saboteur: {} pieces of memory, and no limit", eaten.len());
    live_on()
}

/// Takes so much of a processor.
fn burn(ns: i64) {
    let used = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec * 1_000_000_000 + time.tv_nsec
    };
    let begun = used();
    while used() - begun < ns {
        std::hint::spin_loop();
    }
}

fn live_on() -> ! {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}
