//! `tower decode`: a file or a stream to PCM, in a sandbox. The tower runs itself this way as its
//! decoder; by hand, it shows what the tower makes of a file.

use crate::decode::child::{self, Gone, Output, Records};
use crate::decode::{MEMORY_BYTES_MAX, sandbox};
use crate::source::formats::Format;
use anyhow::{Context, bail};
use clap::ValueEnum;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// Decodes audio to raw PCM (32-bit floats, little-endian, stereo, 48 kHz) on stdout.
#[derive(Clone, Debug, clap::Args)]
pub struct DecodeArgs {
    /// The file; - for a stream on stdin.
    #[arg(value_name = "FILE", required_unless_present = "files")]
    pub file: Option<PathBuf>,
    /// What a stream is said to be; its bytes decide.
    #[arg(long, value_enum, default_value = "mp3")]
    pub format: Format,
    /// Take files from the socket `records` instead.
    #[arg(long, hide = true, requires = "records", conflicts_with = "file")]
    pub files: bool,
    /// The socket to the tower; records are lines on stderr without it.
    #[arg(long, hide = true, value_name = "DESCRIPTOR")]
    pub records: Option<i32>,
    /// Number of the first byte.
    #[arg(long, hide = true, default_value_t = 0)]
    pub input_byte: u64,
    /// Number of the first sample.
    #[arg(long, hide = true, default_value_t = 0)]
    pub output_sample: u64,
}

/// Runs until the input ends. Nothing reading any more is an end as well, and no error.
///
/// # Errors
/// A file that cannot be opened, or descriptors that are not there.
pub fn run(args: &DecodeArgs) -> anyhow::Result<()> {
    let records = match args.records {
        Some(number) => Records::Socket(child::inherited(number).context("--records names no open descriptor")?),
        None => Records::Lines,
    };
    let requests = match &records {
        Records::Socket(socket) if args.files => Some(socket.try_clone()?),
        _ => None,
    };
    let pcm = std::io::stdout().as_fd().try_clone_to_owned().context("standard output is closed")?;
    let mut output = Output::new(records, pcm, args.input_byte, args.output_sample);
    // By hand, the one file that may be opened is opened before the sandbox is closed.
    let file = match &args.file {
        Some(path) if path != Path::new("-") => Some((open(path)?, path)),
        _ => None,
    };
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().context("standard input is closed")?;
    let is_by_hand = args.records.is_none();
    let sandbox = sandbox::enter(MEMORY_BYTES_MAX, is_by_hand);
    let ended = output.ready(sandbox).and_then(|()| match (requests, file) {
        (Some(requests), _) => child::serve_files(&mut output, &requests),
        (None, Some((file, path))) => child::decode_file(&mut output, file, path),
        (None, None) => child::decode_stream(&mut output, File::from(stdin), args.format),
    });
    match ended {
        Ok(()) | Err(Gone) => Ok(()),
    }
}

fn open(path: &Path) -> anyhow::Result<File> {
    let kind = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.file_type();
    if !kind.is_file() {
        bail!("{} is no regular file; name a file, or - for a stream on standard input", path.display());
    }
    File::open(path).with_context(|| format!("cannot read {}", path.display()))
}

impl ValueEnum for Format {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Mp3, Self::Aac, Self::Ogg, Self::Opus, Self::Flac, Self::Wav]
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.name()))
    }
}
