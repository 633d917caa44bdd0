//! How many of each thing a configuration may have, and how long texts may be.

/// Outputs of one tower.
pub const OUTPUTS_MAX: usize = 8;
/// Inputs of one tower, beside the station's socket and the tower's own player.
pub const INPUTS_MAX: usize = 8;
/// Webhooks of one tower.
pub const WEBHOOKS_MAX: usize = 8;
/// Networks of trusted proxies.
pub const TRUSTED_PROXIES_MAX: usize = 64;
/// Host names of the tower.
pub(super) const NAMES_MAX: usize = 32;
/// Users beside the administrator.
pub const USERS_MAX: usize = 16;

pub(super) const SOCKET_PATH_BYTES_MAX: usize = 107;
pub(super) const TITLE_BYTES_MAX: usize = 255;
pub(super) const PASSWORD_BYTES_MAX: usize = 1024;
pub(super) const PATHS_MAX: usize = 1000;
pub(super) const BACKOFF_STEPS_MAX: usize = 32;
pub(super) const COMMAND_WORDS_MAX: usize = 64;
/// Beyond it the range of `router.fade_ms` says what is wrong.
pub(super) const FADE_MS_MAX: u64 = 10_000;
