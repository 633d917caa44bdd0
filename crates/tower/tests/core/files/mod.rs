//! Files: decoded, fed, played, on air.

mod decode;
mod decoders;
mod feed;
mod fixtures;
mod on_air;
mod player;
mod skip;
mod songs;
