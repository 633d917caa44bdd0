//! One writer, one ring, many sockets.
