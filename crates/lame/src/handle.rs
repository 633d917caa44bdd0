//! The one file that calls C. LAME trusts its caller with pointers, lengths and threads; everything it trusts us with
//! is settled here.
#![allow(unsafe_code, reason = "LAME is a C library")]

use crate::{Error, Settings};
use mp3lame_sys as sys;
use std::ffi::c_int;
use std::ptr::NonNull;
use std::sync::{PoisonError, RwLock};

/// Samples per channel in one call of LAME's encoder.
pub(crate) const SAMPLES_PER_CALL_MAX: usize = 1152;

/// LAME's own bound on what one call can produce: 1.25 bytes a sample and 7200 more (lame.h). It must never be 0,
/// which LAME takes for "no limit".
const OUT_BYTES_MAX: usize = SAMPLES_PER_CALL_MAX * 5 / 4 + 7200;

/// LAME's power tables are globals that every `lame_init_params` writes again: nobody may encode meanwhile.
static TABLES: RwLock<()> = RwLock::new(());

/// LAME's default, stated; the same that ffmpeg's libmp3lame uses.
const QUALITY: c_int = 3;

#[derive(Debug)]
pub(crate) struct Handle(NonNull<sys::lame_global_flags>);

// SAFETY: the handle is the only owner of its LAME state, which has no ties to the thread that made it; what LAME
// shares between states is guarded by `TABLES`.
unsafe impl Send for Handle {}

impl Handle {
    /// `settings` have been checked.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        let _writing = TABLES.write().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: no arguments; a null answer is handled.
        let handle = Self(NonNull::new(unsafe { sys::lame_init() }).ok_or(Error::Memory)?);
        let lame = handle.0.as_ptr();
        // The values fit: `check` has bounded them.
        let rate = settings.sample_rate_hz as c_int;
        let mono = settings.channels == 1 || settings.mono;
        let (channels, mode) = if mono { (1, sys::MPEG_mode::MONO) } else { (2, sys::MPEG_mode::JOINT_STEREO) };
        // SAFETY: `lame` is a live state from `lame_init`, used by this thread alone; setters take plain numbers.
        let codes = unsafe {
            sys::lame_set_write_id3tag_automatic(lame, 0);
            [
                sys::lame_set_num_channels(lame, channels),
                sys::lame_set_mode(lame, mode),
                sys::lame_set_in_samplerate(lame, rate),
                sys::lame_set_out_samplerate(lame, rate),
                sys::lame_set_VBR(lame, sys::vbr_mode::vbr_off),
                sys::lame_set_brate(lame, settings.bitrate_kbps as c_int),
                sys::lame_set_quality(lame, QUALITY),
                sys::lame_set_disable_reservoir(lame, 1),
                sys::lame_set_bWriteVbrTag(lame, 0),
                sys::lame_init_params(lame),
            ]
        };
        codes.into_iter().find(|&code| code < 0).map_or(Ok(handle), |code| Err(Error::Lame(code)))
    }

    /// Encodes at most [`SAMPLES_PER_CALL_MAX`] whole samples.
    pub(crate) fn encode(&mut self, pcm: &[i16], channels: usize, out: &mut Vec<u8>) -> Result<(), Error> {
        let samples = pcm.len() / channels;
        assert!(samples <= SAMPLES_PER_CALL_MAX && samples * channels == pcm.len(), "whole samples, few enough");
        let _reading = TABLES.read().unwrap_or_else(PoisonError::into_inner);
        append(out, |space, bytes_max| {
            // SAFETY: the state is live and ours; `pcm` holds `samples` samples of `channels` values, which LAME only
            // reads (the interleaved call takes `*mut` without writing); `space` has `bytes_max` > 0 writable bytes.
            unsafe {
                if channels == 2 {
                    sys::lame_encode_buffer_interleaved(
                        self.0.as_ptr(),
                        pcm.as_ptr().cast_mut(),
                        samples as c_int,
                        space,
                        bytes_max,
                    )
                } else {
                    sys::lame_encode_buffer(
                        self.0.as_ptr(),
                        pcm.as_ptr(),
                        pcm.as_ptr(),
                        samples as c_int,
                        space,
                        bytes_max,
                    )
                }
            }
        })
    }

    /// Encodes the mean of the two channels of at most [`SAMPLES_PER_CALL_MAX`] whole samples. LAME would form it too, but
    /// after a scaling, and so another in the last bit than ffmpeg does.
    pub(crate) fn encode_mean(&mut self, pcm: &[i16], out: &mut Vec<u8>) -> Result<(), Error> {
        let (pairs, rest) = pcm.as_chunks::<2>();
        assert!(pairs.len() <= SAMPLES_PER_CALL_MAX && rest.is_empty(), "whole samples, few enough");
        let mut means = [0.0f32; SAMPLES_PER_CALL_MAX];
        for (mean, &[left, right]) in means.iter_mut().zip(pairs) {
            *mean = (f32::from(left) + f32::from(right)) / 2.0;
        }
        let _reading = TABLES.read().unwrap_or_else(PoisonError::into_inner);
        append(out, |space, bytes_max| {
            // SAFETY: the state is live and ours, of one channel, so that LAME reads the left one only; `means` holds that
            // many values; `space` has `bytes_max` > 0 writable bytes.
            unsafe {
                let samples = pairs.len() as c_int;
                sys::lame_encode_buffer_float(
                    self.0.as_ptr(),
                    means.as_ptr(),
                    means.as_ptr(),
                    samples,
                    space,
                    bytes_max,
                )
            }
        })
    }

    pub(crate) fn flush(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        let _reading = TABLES.read().unwrap_or_else(PoisonError::into_inner);
        append(out, |space, bytes_max| {
            // SAFETY: the state is live and ours; `space` has `bytes_max` > 0 writable bytes.
            unsafe { sys::lame_encode_flush(self.0.as_ptr(), space, bytes_max) }
        })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the state is live, ours, and never used again. The answer says nothing that could be acted on.
        unsafe { sys::lame_close(self.0.as_ptr()) };
    }
}

/// Has LAME write at most [`OUT_BYTES_MAX`] bytes and appends those that it did write.
fn append(out: &mut Vec<u8>, write: impl FnOnce(*mut u8, c_int) -> c_int) -> Result<(), Error> {
    let mut space = [0u8; OUT_BYTES_MAX];
    let code = write(space.as_mut_ptr(), OUT_BYTES_MAX as c_int);
    let written = usize::try_from(code).map_err(|_| Error::Lame(code))?;
    out.extend_from_slice(space.get(..written).ok_or(Error::Lame(code))?);
    Ok(())
}
