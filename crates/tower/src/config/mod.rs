//! Configuration: defaults, then `tower.toml`, then `TOWER_*`, then flags (SPEC CFG-1).

mod schema;

pub use schema::*;
