//! Files: decoded, fed, played, on air.

mod corpus;
mod corpus_formats;
mod decode;
mod decoders;
mod feed;
mod fixtures;
mod foreign;
mod itunes;
mod layer_one;
mod on_air;
mod player;
mod skip;
mod songs;
mod tag_bombs;
mod whole;
