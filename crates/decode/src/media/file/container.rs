//! What reads the packets of a file: symphonia, behind what it cannot be trusted with.

use super::decode::DecodeError;
use crate::media::mp4::{self, Edit};
use crate::media::mpa::MpaReader;
use crate::media::tails::Layout;
use crate::media::view::View;
use crate::media::{aac, foreign, wav};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use symphonia::core::codecs::audio::well_known::CODEC_ID_AAC;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::well_known::{
    FORMAT_ID_AIFF, FORMAT_ID_CAF, FORMAT_ID_FLAC, FORMAT_ID_ISOMP4, FORMAT_ID_MKV, FORMAT_ID_MP1, FORMAT_ID_MP2,
    FORMAT_ID_MP3, FORMAT_ID_OGG, FORMAT_ID_WAVE,
};
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::meta::MetadataOptions;

/// A file whose format is known.
pub(super) struct Container {
    pub(super) format: Box<dyn FormatReader>,
    /// What of it is heard; none: all.
    pub(super) edit: Option<Edit>,
    path: PathBuf,
    /// As what FFmpeg would read it.
    demuxer: Option<&'static str>,
}

impl Container {
    /// Opens the audio of `file`.
    ///
    /// # Errors
    /// It cannot be read, only FFmpeg reads it, or it is in no known format.
    pub(super) fn open(mut file: File, path: &Path, layout: &Layout) -> Result<Self, DecodeError> {
        let audio = layout.audio.clone();
        let cannot_read = |source| DecodeError::Open { path: path.into(), source };
        let head = head(&mut file, &audio).map_err(cannot_read)?;
        let demuxer = foreign::demuxer_of(&head);
        let unplayable = |error: Error| unplayable(path, demuxer, &error.to_string());
        let (mut header, mut shown) = (Vec::new(), audio);
        if wav::is_wave(&head) {
            match wav::read(&mut file, shown.clone()).map_err(cannot_read)? {
                Some(wav::Wave::Samples { header: clean, data }) => (header, shown) = (clean, data),
                Some(wav::Wave::Compressed) => return Err(unplayable(Error::Unsupported("its codec is unknown"))),
                None => {}
            }
        }
        let edit = match demuxer {
            Some("mov") => mp4::edit(&mut file, shown.clone()).map_err(cannot_read)?,
            _ => None,
        };
        // It has one position with the other, so only one of the two is read.
        let file_again = file.try_clone().map_err(cannot_read)?;
        if demuxer.is_some_and(|demuxer| !is_own(demuxer)) {
            return Err(unplayable(Error::Unsupported("its format is unknown")));
        }
        let view = View::new(header, file, shown.clone()).map_err(cannot_read)?;
        let mut format = probe(view, path).map_err(unplayable)?;
        if !demuxer.is_none_or(|demuxer| is_as_expected(&*format, demuxer)) {
            return Err(unplayable(Error::Unsupported("it is not what its first bytes say")));
        }
        if let FORMAT_ID_MP1 | FORMAT_ID_MP2 | FORMAT_ID_MP3 = format.format_info().format {
            drop(format);
            let view = View::new(Vec::new(), file_again, shown).map_err(cannot_read)?;
            format = Box::new(MpaReader::new(view).map_err(unplayable)?);
        }
        if may_be_half_band(&*format) {
            return Err(unplayable(Error::Unsupported("HE-AAC")));
        }
        Ok(Self { format, edit, path: path.into(), demuxer })
    }

    /// A file that nothing here decodes: FFmpeg may.
    pub(super) fn unplayable(&self, reason: &str) -> DecodeError {
        unplayable(&self.path, self.demuxer, reason)
    }
}

/// What reads a file whose sound only FFmpeg decodes, for its tags; none where FFmpeg alone knows
/// the format.
pub(super) fn format_of(mut file: File, path: &Path, layout: &Layout) -> Option<Box<dyn FormatReader>> {
    let demuxer = foreign::demuxer_of(&head(&mut file, &layout.audio).ok()?).filter(|demuxer| is_own(demuxer))?;
    let format = probe(View::new(Vec::new(), file, layout.audio.clone()).ok()?, path).ok()?;
    is_as_expected(&*format, demuxer).then_some(format)
}

/// Whether symphonia reads files of this kind, or some of them.
fn is_own(demuxer: &str) -> bool {
    matches!(demuxer, "mov" | "w64" | "wav" | "aiff" | "caf" | "matroska" | "ogg" | "flac" | "aac" | "mp3")
}

/// Whether the format that was found is that of the first bytes. Symphonia goes on searching behind
/// what it cannot read, and finds frames in what is none.
fn is_as_expected(format: &dyn FormatReader, demuxer: &str) -> bool {
    let expected = match demuxer {
        "mov" => FORMAT_ID_ISOMP4,
        "w64" | "wav" => FORMAT_ID_WAVE,
        "aiff" => FORMAT_ID_AIFF,
        "caf" => FORMAT_ID_CAF,
        "matroska" => FORMAT_ID_MKV,
        "ogg" => FORMAT_ID_OGG,
        "flac" => FORMAT_ID_FLAC,
        // The first frame may be what is left of one.
        _ => return true,
    };
    format.format_info().format == expected
}

fn probe(view: View<File>, path: &Path) -> Result<Box<dyn FormatReader>, Error> {
    let mut hint = Hint::new();
    if let Some(extension) = path.extension().and_then(|extension| extension.to_str()) {
        hint.with_extension(extension);
    }
    let stream = MediaSourceStream::new(Box::new(view), Default::default());
    symphonia::default::get_probe().probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
}

fn unplayable(path: &Path, demuxer: Option<&'static str>, reason: &str) -> DecodeError {
    match demuxer {
        Some(demuxer) => DecodeError::Foreign { path: path.into(), demuxer },
        None => DecodeError::Format { path: path.into(), reason: reason.into() },
    }
}

/// Whether the audio is AAC of which symphonia would play the lower half of the band.
fn may_be_half_band(format: &dyn FormatReader) -> bool {
    let track = format.default_track(TrackType::Audio);
    let params = track.and_then(|track| track.codec_params.as_ref()).and_then(|params| params.audio());
    params.filter(|params| params.codec == CODEC_ID_AAC).is_some_and(|params| match &params.extra_data {
        Some(config) => aac::may_be_half_band(config),
        None => params.sample_rate.is_some_and(aac::may_be_half_band_at),
    })
}

fn head(file: &mut File, audio: &Range<u64>) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(audio.start))?;
    file.take((audio.end - audio.start).min(foreign::HEAD_BYTES as u64)).read_to_end(&mut head)?;
    Ok(head)
}
