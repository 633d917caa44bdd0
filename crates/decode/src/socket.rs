//! Messages and descriptors over a Unix `SEQPACKET` socket.

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair, sockopt,
};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A pair of connected sockets for messages, which neither side inherits by accident.
pub(super) fn message_pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
}

/// A pair of connected sockets for bytes, of which about so many may be on their way.
pub(super) fn stream_pair(bytes: usize) -> Result<(OwnedFd, OwnedFd), Errno> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // Whatever the system grants will do. Either side may be the one that writes.
    let _ = sockopt::set_socket_send_buffer_size(&theirs, bytes);
    let _ = sockopt::set_socket_send_buffer_size(&ours, bytes);
    Ok((ours, theirs))
}

/// Sends one message, with a descriptor if there is one.
pub(super) fn send(socket: impl AsFd, message: &[u8], file: Option<BorrowedFd<'_>>) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let files = file.map(|file| [file]);
    if let Some(files) = &files {
        control.push(SendAncillaryMessage::ScmRights(files));
    }
    let flags = SendFlags::NOSIGNAL;
    rustix::io::retry_on_intr(|| sendmsg(&socket, &[IoSlice::new(message)], &mut control, flags)).map(|_| ())
}

/// Receives one message and the descriptor that came with it; 0 bytes at the end.
pub(super) fn receive(socket: impl AsFd, bytes: &mut [u8]) -> Result<(usize, Option<OwnedFd>), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = rustix::io::retry_on_intr(|| {
        recvmsg(&socket, &mut [IoSliceMut::new(bytes)], &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    let mut files = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut files) => files.next(),
        _ => None,
    });
    Ok((received.bytes, files.next()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn messages_keep_their_borders_and_bring_their_file() {
        let (one, other) = message_pair().expect("sockets");
        let file = tempfile::tempfile().expect("a file");
        rustix::io::write(&file, b"content").expect("it is written");
        send(&one, b"first", Some(file.as_fd())).expect("it is sent");
        send(&one, b"second", None).expect("it is sent");
        drop(one);
        let mut bytes = [0; 64];
        let (length, received) = receive(&other, &mut bytes).expect("a message");
        assert_eq!(&bytes[..length], b"first");
        let mut received = std::fs::File::from(received.expect("a file"));
        std::io::Seek::rewind(&mut received).expect("it is a file");
        let mut content = String::new();
        received.read_to_string(&mut content).expect("it can be read");
        assert_eq!(content, "content");
        assert_eq!(receive(&other, &mut bytes).map(|(length, file)| (length, file.is_none())), Ok((6, true)));
        assert_eq!(receive(&other, &mut bytes).map(|(length, _)| length), Ok(0));
    }
}
