//! Audio files: decoding, folders, the player that turns them into a source (SPEC FALL-3).
