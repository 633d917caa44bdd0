//! `tower feed`: audio to a tower's PCM socket, in real time.

mod pacer;
mod progress;
mod source;

use anyhow::{Context, bail};
use pacer::Pacer;
use progress::Progress;
use radio_signal::units::MonoTime;
use rustix::thread::{ClockId, clock_nanosleep_absolute};
use rustix::time::{Timespec, clock_gettime};
use source::Item;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a tower that went away is looked for.
const RECONNECT_EVERY: Duration = Duration::from_secs(1);

/// Play audio into the PCM socket of a tower, in real time.
#[derive(Clone, Debug, clap::Args)]
pub struct FeedArgs {
    /// Files and folders to play, or `-` for raw PCM on standard input (16-bit little-endian, 48 kHz, stereo).
    #[arg(required = true, value_name = "FILE|DIR|-")]
    pub inputs: Vec<PathBuf>,
    /// The tower's PCM socket.
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// The files hold raw PCM: 16-bit little-endian, 48 kHz, stereo.
    #[arg(long)]
    pub raw: bool,
    /// Begin again when all files have been played.
    #[arg(long = "loop")]
    pub looped: bool,
    /// Shuffle the files, anew each time around.
    #[arg(long)]
    pub shuffle: bool,
}

/// Feeds until the files end. `socket` is where the tower listens when `args` does not say.
///
/// # Errors
/// A file or folder that is not there, no tower on the socket at the start, or nothing that could be played.
pub fn run(args: &FeedArgs, socket: PathBuf) -> anyhow::Result<()> {
    let socket = args.socket.clone().unwrap_or(socket);
    let items = source::start(args)?;
    let mut stream = connect(&socket)?;
    let mut progress = Progress::new();
    let mut pacer = Pacer::new(now());
    for item in items {
        match item {
            Item::Started(info) => progress.started(&info),
            Item::Note(text) => progress.note(&text),
            Item::Pcm(bytes) => {
                sleep_until(pacer.next_due(now()));
                while let Err(error) = stream.write_all(&bytes) {
                    // The frame is sent again whole: the tower forgets what was not a whole frame.
                    progress.note(&format!("the tower is gone ({error}); trying again every second"));
                    stream = reconnect(&socket);
                    progress.note("connected again");
                    pacer = Pacer::new(now());
                    pacer.next_due(now());
                }
                progress.sent(bytes.len());
            }
            Item::Failed(error) => {
                progress.finish();
                return Err(error);
            }
        }
    }
    progress.finish();
    Ok(())
}

fn connect(socket: &Path) -> anyhow::Result<UnixStream> {
    let shown = socket.display();
    match UnixStream::connect(socket) {
        Ok(stream) => Ok(stream),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            bail!(
                "no tower listens on {shown}: is a tower running? start one with `tower serve`, or name its socket with --socket"
            )
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            bail!("no permission for {shown}: run as the tower's user, or join the group of its socket")
        }
        Err(error) => {
            Err(error).with_context(|| format!("cannot connect to {shown}; name a tower's PCM socket with --socket"))
        }
    }
}

fn reconnect(socket: &Path) -> UnixStream {
    loop {
        std::thread::sleep(RECONNECT_EVERY);
        if let Ok(stream) = UnixStream::connect(socket) {
            return stream;
        }
    }
}

fn now() -> MonoTime {
    let time = clock_gettime(ClockId::Monotonic);
    // Neither is negative on this clock.
    MonoTime(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

fn sleep_until(due: MonoTime) {
    let due = Timespec { tv_sec: (due.0 / 1_000_000_000) as i64, tv_nsec: (due.0 % 1_000_000_000) as _ };
    // A deadline in the past returns at once; a signal that is handled only means to sleep on.
    while clock_nanosleep_absolute(ClockId::Monotonic, &due) == Err(rustix::io::Errno::INTR) {}
}
