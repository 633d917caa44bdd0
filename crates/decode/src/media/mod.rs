//! Formats of audio, byte by byte: what is read here so that a decoder behind it need not be trusted
//! with it. Used inside the decoder process only; [`stream::head`] also says how long a head may be that
//! the tower keeps.
//!
//! [`stream`]: live streams, whatever they change to on the way.
//!
//! # Files
//!
//! - [`view`]: a part of a file, with bytes of our own in front, as if it were a file.
//! - [`tails`]: tags in front of and behind the audio; they are no part of what is decoded.
//! - [`mpa`]: MPEG audio, frame by frame, by a `window` of the file and the frames' `mpa_header`.
//! - [`mp4`]: what of an MP4 is heard; [`aac`]: whether a stream of AAC is HE-AAC.
//! - [`wav`]: WAV with sizes that are missing or wrong.
//! - [`foreign`]: what only FFmpeg reads.

pub mod aac;
pub mod convert;
pub mod demuxer;
pub(crate) mod downmix;
pub mod file;
pub mod foreign;
pub mod formats;
pub mod mp4;
pub mod mpa;
mod mpa_header;
pub(crate) mod packets;
pub mod seam;
pub mod stream;
pub mod tails;
pub mod view;
pub mod wav;
mod window;

pub use packets::StereoBlock;
