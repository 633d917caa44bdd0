//! Writes the first inputs of every fuzz target to `fuzz/corpus`; other files there stay as they are.
//!
//! All audio is made here: frames with true headers and silence. Run it from the root of the workspace:
//! `cargo run -p radio-fuzz-targets --example seeds`.

mod audio;
mod requests;
mod structures;

use std::path::Path;

/// Name of a file and its bytes.
type Seed = (&'static str, Vec<u8>);

fn main() -> std::io::Result<()> {
    let corpora: [(&str, Vec<Seed>); 11] = [
        ("decoder_record", structures::decoder_records()),
        ("formats", audio::formats()),
        ("header", audio::headers()),
        ("icy", requests::icy()),
        ("packetizer", audio::packetizer()),
        ("place", structures::place()),
        ("proxy_header", requests::proxy_headers()),
        ("request_head", requests::request_heads()),
        ("ring", structures::ring()),
        ("source_handshake", requests::source_handshakes()),
        ("titles", structures::titles()),
    ];
    for (target, seeds) in corpora {
        let folder = Path::new("fuzz/corpus").join(target);
        std::fs::create_dir_all(&folder)?;
        for (name, bytes) in seeds {
            std::fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}
