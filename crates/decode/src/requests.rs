//! What the tower asks of a decoder process, in its order, as the process sees it.

use super::output::Gone;
use super::protocol::{MESSAGE_BYTES_MAX, Request};
use super::socket;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;

/// Requests that wait while another is worked on; the tower sends two files ahead.
const WAITING_MAX: usize = 8;

/// A request and the descriptor that came with it.
pub type Received = (Request, Option<OwnedFd>);

/// Requests from the tower.
pub struct Requests {
    socket: OwnedFd,
    waiting: VecDeque<Received>,
}

impl Requests {
    /// Those that come through `socket`.
    #[must_use]
    pub fn new(socket: OwnedFd) -> Self {
        Self { socket, waiting: VecDeque::new() }
    }

    /// Waits for the next one; `None` when there will be no more.
    ///
    /// # Errors
    /// The tower is gone, or sends what makes no sense.
    pub fn next_request(&mut self) -> Result<Option<Received>, Gone> {
        match self.waiting.pop_front() {
            Some(received) => Ok(Some(received)),
            None => self.receive(),
        }
    }

    /// Waits for the answer to what the process has asked. Other requests wait.
    ///
    /// # Errors
    /// The tower is gone, or sends what makes no sense.
    pub fn answer(&mut self) -> Result<Received, Gone> {
        while self.waiting.len() < WAITING_MAX {
            let received = self.receive()?.ok_or(Gone)?;
            if !matches!(received.0, Request::Play { .. } | Request::Flush) {
                return Ok(received);
            }
            self.waiting.push_back(received);
        }
        Err(Gone)
    }

    fn receive(&mut self) -> Result<Option<Received>, Gone> {
        let mut bytes = [0; MESSAGE_BYTES_MAX];
        let (length, file) = socket::receive(&self.socket, &mut bytes).map_err(|_| Gone)?;
        if length == 0 {
            return Ok(None);
        }
        Request::decode(&bytes[..length]).map(|request| Some((request, file))).map_err(|_| Gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_overtakes_what_was_asked_before_and_nothing_is_lost() {
        let (tower, process) = socket::message_pair().expect("sockets");
        let play = |file| Request::Play { file, from_sample: 0, extension: String::new() };
        for request in [play(1), Request::Flush, Request::NoFfmpeg("none".into()), play(2)] {
            socket::send(&tower, &request.encode(), None).expect("it is sent");
        }
        drop(tower);
        let mut requests = Requests::new(process);
        assert_eq!(requests.answer().expect("an answer").0, Request::NoFfmpeg("none".into()));
        let rest: Vec<Request> =
            std::iter::from_fn(|| requests.next_request().expect("it makes sense")).map(|it| it.0).collect();
        assert_eq!(rest, [play(1), Request::Flush, play(2)]);
        assert!(requests.answer().is_err(), "nobody answers");
    }
}
