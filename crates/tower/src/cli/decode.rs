//! `tower decode`: a file or a stream to PCM, in a sandbox. The tower runs itself this way as its
//! decoder; by hand, it shows what the tower makes of a file.

use anyhow::{Context, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use radio_decode::by_hand::{self, Input};
use radio_decode::child::{self, Gone, Output};
use radio_decode::media::demuxer::Demuxer;
use radio_decode::media::formats::Format;
use radio_decode::requests::Requests;
use radio_decode::settings::DecoderSettings;
use radio_decode::settings::FfmpegSettings;
use radio_decode::{MEMORY_BYTES_MAX, ffmpeg_sandbox, sandbox};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// Memory that FFmpeg may allocate.
const FFMPEG_MEMORY_BYTES_MAX: u64 = 1 << 30;

/// Decodes audio to raw PCM (32-bit floats, little-endian, stereo, 48 kHz) on stdout.
#[derive(Clone, Debug, clap::Args)]
pub struct DecodeArgs {
    /// The file; - for a stream on stdin.
    #[arg(value_name = "FILE", required_unless_present_any = ["files", "demuxer"])]
    pub file: Option<PathBuf>,
    /// What a stream is said to be; its bytes decide.
    #[arg(long, value_parser = formats(), default_value = "unknown")]
    pub format: Format,
    /// FFmpeg, for what the tower cannot decode itself.
    #[arg(long, value_name = "PROGRAM", default_value = "ffmpeg")]
    pub ffmpeg: PathBuf,
    /// Take files from the socket `records` instead.
    #[arg(long, hide = true, requires = "records", conflicts_with = "file")]
    pub files: bool,
    /// The socket to the tower, for its decoder.
    #[arg(long, hide = true, value_name = "DESCRIPTOR")]
    pub records: Option<i32>,
    /// Number of the first byte.
    #[arg(long, hide = true, default_value_t = 0)]
    pub input_byte: u64,
    /// Number of the first sample.
    #[arg(long, hide = true, default_value_t = 0)]
    pub output_sample: u64,
    /// Become FFmpeg in its sandbox, with this demuxer.
    #[arg(long, hide = true, conflicts_with_all = ["file", "files"], value_parser = demuxer_named)]
    pub demuxer: Option<Demuxer>,
    /// Standard input is a file.
    #[arg(long, hide = true, requires = "demuxer")]
    pub seekable: bool,
}

/// Runs until the input ends. Nothing reading any more is an end as well, and no error.
///
/// # Errors
/// A file that cannot be opened or decoded, or descriptors that are not there.
pub fn run(args: &DecodeArgs) -> anyhow::Result<()> {
    match (args.demuxer, args.records) {
        (Some(demuxer), _) => ffmpeg_sandbox::become_ffmpeg(&args.ffmpeg, demuxer, args.seekable)
            .with_context(|| format!("{} does not start", args.ffmpeg.display())),
        (None, Some(records)) => serve(args, records),
        (None, None) => by_hand(args),
    }
}

/// The tower's decoder.
fn serve(args: &DecodeArgs, records: i32) -> anyhow::Result<()> {
    let records = child::inherited(records).context("--records names no open descriptor")?;
    let mut requests = Requests::new(records.try_clone()?);
    let pcm = std::io::stdout().as_fd().try_clone_to_owned().context("standard output is closed")?;
    let mut output = Output::new(records, pcm, args.input_byte, args.output_sample);
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().context("standard input is closed")?;
    let sandbox = sandbox::enter(MEMORY_BYTES_MAX);
    let ended = output.ready(sandbox).and_then(|()| {
        if args.files {
            child::serve_files(&mut output, &mut requests)
        } else {
            child::decode_stream(&mut output, &mut requests, File::from(stdin), args.format)
        }
    });
    match ended {
        Ok(()) | Err(Gone) => Ok(()),
    }
}

fn by_hand(args: &DecodeArgs) -> anyhow::Result<()> {
    let file = args.file.as_deref().filter(|path| *path != Path::new("-"));
    let input = match file {
        Some(path) => {
            let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
            Input::File(open(path)?, extension.to_owned())
        }
        None => Input::Stream(args.format),
    };
    let ffmpeg = FfmpegSettings {
        program: args.ffmpeg.clone(),
        environment: Vec::new(),
        memory_bytes_max: FFMPEG_MEMORY_BYTES_MAX,
    };
    let settings = DecoderSettings { ffmpeg: Some(ffmpeg), ..DecoderSettings::default() };
    let decoded = by_hand::decode(&settings, &input, &mut std::io::stdout().lock(), &mut std::io::stderr());
    match file {
        Some(path) => decoded.with_context(|| path.display().to_string()),
        None => decoded,
    }
}

fn formats() -> impl TypedValueParser<Value = Format> {
    let named = |name: String| Format::ALL.into_iter().find(|format| format.name() == name);
    PossibleValuesParser::new(Format::ALL.map(Format::name)).map(move |name| named(name).unwrap_or(Format::Unknown))
}

fn demuxer_named(name: &str) -> Result<Demuxer, String> {
    Demuxer::named(name).ok_or_else(|| "there is no such demuxer".to_owned())
}

fn open(path: &Path) -> anyhow::Result<File> {
    let kind = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.file_type();
    if !kind.is_file() {
        bail!("{} is no regular file; name a file, or - for a stream on standard input", path.display());
    }
    File::open(path).with_context(|| format!("cannot read {}", path.display()))
}
