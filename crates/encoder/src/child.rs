//! What the driver asks of the system: to start encoders, to move bytes, to say how they ended. The real answers are in
//! [`system`](super::system), those of the simulation in its own actors.

use super::commands::Program;
use radio_signal::supervisor::{ProcessorTime, Reason};
use radio_signal::units::MonoTime;
use rustix::io::Errno;
use std::io;

/// Starts and buries encoder processes, and has the clock.
pub(super) trait Launcher {
    /// A process and its pipes.
    type Child: Child;

    /// The monotonic clock.
    fn now(&self) -> MonoTime;

    /// Starts a process that may allocate so many bytes.
    fn launch(&mut self, program: &Program, memory_bytes_max: u64) -> io::Result<Self::Child>;

    /// Kills it with whatever it has started, closes its pipes, and buries it when it is dead.
    fn put_down(&mut self, child: Self::Child);
}

/// One encoder process. No call blocks; [`Errno::AGAIN`] means that there is nothing to be done just now.
pub(super) trait Child {
    /// Its process id.
    fn pid(&self) -> u32;

    /// Writes PCM to its standard input.
    fn write(&mut self, pcm: &[u8]) -> Result<usize, Errno>;

    /// Reads from its standard output; 0 at its end.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Errno>;

    /// Reads from its standard error; an end is not told, because it means nothing.
    fn read_diagnostics(&mut self, buffer: &mut [u8]) -> Result<usize, Errno>;

    /// Bytes that have been written to it and that it has not read.
    fn unread_bytes(&self) -> u64;

    /// How much its standard input holds from now on. The system may refuse, and does where more is
    /// in it.
    fn set_pipe_bytes(&mut self, bytes: usize) -> bool;

    /// What it has had of the processor, with its threads and children; none where that cannot be
    /// read.
    fn processor_time(&self) -> Option<ProcessorTime>;

    /// How it ended, if it has.
    fn end(&self) -> Option<Reason>;

    /// The same, for a process that has closed a pipe: if it is dying, its end is seen a moment later.
    fn end_soon(&self) -> Option<Reason>;
}
