//! Files: decoded, fed, played, on air.

mod corpus;
mod corpus_formats;
mod decode;
mod decoders;
mod feed;
mod fixtures;
mod on_air;
mod player;
mod whole;
