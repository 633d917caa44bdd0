//! Safe wrapper over LAME.
