//! Every key of `tower.toml`, what may stand there, and what it means: docs/configuration.md is made of this table.

use super::key::{BOOLEAN, DAY_MS, Key, PATHS, Valid, key};
use super::key_table_lists::LISTS;
use super::key_table_server::SERVER;

/// All keys, in the order in which they are shown.
pub const KEYS: &[Key] =
    &joined::<{ SERVER.len() + BEFORE.len() + LISTS.len() + BEHIND.len() }>([SERVER, BEFORE, LISTS, BEHIND]);

/// `N` keys that lie in four pieces.
const fn joined<const N: usize>(pieces: [&[Key]; 4]) -> [Key; N] {
    let mut all = [BEFORE[0]; N];
    let (mut piece, mut at, mut n) = (0, 0, 0);
    while piece < pieces.len() {
        if at < pieces[piece].len() {
            all[n] = pieces[piece][at];
            (at, n) = (at + 1, n + 1);
        } else {
            (piece, at) = (piece + 1, 0);
        }
    }
    all
}

const BEFORE: &[Key] = &[
    key(
        "station.socket",
        Valid::Text("a path of at most 107 bytes"),
        "Unix socket that takes raw PCM; empty: `pcm.sock` in the runtime directory.",
    ),
    key(
        "station.preroll_ticks",
        Valid::Range(1, 2499, "a number of ticks"),
        "Ticks a producer must hold before it is on air; smaller than `capacity_ticks`.",
    ),
    key("station.capacity_ticks", Valid::Range(2, 2500, "a number of ticks"), "Ticks each producer's buffer holds."),
    key(
        "station.when_full",
        Valid::Words(&["drop", "wait"]),
        "`drop`: the newest frame is dropped and counted, the producer never waits. `wait`: the producer is slowed by its own socket.",
    ),
    key(
        "station.pacing",
        Valid::Words(&["buffer", "resample"]),
        "`buffer`: the producer has the tower's clock. `resample`: it has its own, and is followed within +-1 %.",
    ),
    key("station.producers_max", Valid::Range(1, 16, "a number of producers"), "Producers connected at the same time."),
    key(
        "station.priority",
        Valid::Range(1, 1000, "a number"),
        "Higher inputs go on air before lower ones: between files that are played (10) and other live inputs (30) unless it says otherwise.",
    ),
    key(
        "station.grace_ms",
        Valid::Range(0, DAY_MS, "a time in ms"),
        "While it lasts after the station has left, no lower input follows. Not set: a lower input follows at once.",
    ),
    key(
        "station.fade_ms",
        Valid::Range(1, 10_000, "a time in ms"),
        "Crossfade to the station, and from it to what is no input. Shortened to what the input that leaves still holds, which is one tick if it stops without ending. Not set: `router.fade_ms`.",
    ),
    key(
        "station.silence_gate_ms",
        Valid::Range(0, DAY_MS, "a time in ms"),
        "A source that sends nothing but silence for so long counts as absent, until there is sound for 240 ms; 0: never.",
    ),
    key(
        "station.silence_gate_dbfs",
        Valid::Range(-90, -20, "a level in dBFS"),
        "What never is louder than this is silence. It is the peak that counts, so quiet music is none.",
    ),
    key(
        "station.gain_db",
        Valid::Range(-60, 20, "a gain in dB"),
        "Louder by so much; what that makes too loud is cut off at full scale.",
    ),
    key(
        "station.password",
        Valid::Text("one line of text, at most 1024 bytes"),
        "What the station gives (user `station`) where it asks for its buffer, in plain or as `tower passwd` prints it; empty: this machine needs none, and others are refused with 401.",
    ),
    key(
        "station.open",
        BOOLEAN,
        "Whether every client that reaches the port may use the station's interface without a password. False: without a password it serves this machine only, and no client over HTTP if `server.trusted_proxies` holds a loopback address.",
    ),
    key(
        "play.paths",
        PATHS,
        "Files and folders that the tower plays as its own programme, below the station in priority.",
    ),
    key("play.shuffle", BOOLEAN, "Shuffle each round."),
    key(
        "play.crossfade_ms",
        Valid::Range(0, 12_000, "a time in ms"),
        "Crossfade between two songs; at most half of a song is in one, and what belongs together on an album has none. Silence of more than half a second at the ends of a song is left out. 0: one follows the other without a gap.",
    ),
    key(
        "play.loudness_lufs",
        Valid::Range(-30, -8, "a loudness in LUFS"),
        "Loudness to which songs are brought, by their ReplayGain or R128 tags, or as they are measured; -18 is what ReplayGain has. Not set: their level stays as it is.",
    ),
    key(
        "router.grace_ms",
        Valid::Range(0, DAY_MS, "a time in ms"),
        "Silence between the last programme and the fallback; acts in whole ticks, 0 disables it.",
    ),
    key("router.fade_ms", Valid::Range(1, 10_000, "a time in ms"), "Length of the crossfade at every change."),
    key("fallback.paths", PATHS, "Files and folders that loop when there is no programme; empty: the tone."),
    key("fallback.shuffle", BOOLEAN, "Shuffle each round."),
    key(
        "fallback.crossfade_ms",
        Valid::Range(0, 12_000, "a time in ms"),
        "Crossfade between two songs; at most half of a song is in one, and what belongs together on an album has none. Silence of more than half a second at the ends of a song is left out. 0: one follows the other without a gap.",
    ),
    key(
        "fallback.loudness_lufs",
        Valid::Range(-30, -8, "a loudness in LUFS"),
        "Loudness to which songs are brought, by their ReplayGain or R128 tags, or as they are measured; -18 is what ReplayGain has. Not set: their level stays as it is.",
    ),
    key("fallback.tone", BOOLEAN, "Whether a 440 Hz tone is sent where there is no file; false: silence."),
    key("fallback.tone_dbfs", Valid::Range(-60, 0, "a level in dBFS"), "Level of the tone."),
    key("encoder.enabled", BOOLEAN, "False: no encoder process ever; prebuilt silence at the exact rate."),
    key("encoder.buffer_frames", Valid::Range(4, 2500, "a number of frames"), "Frames in each output's frame buffer."),
    key(
        "encoder.suspicion_ms",
        Valid::Range(50, 60_000, "a time in ms"),
        "A process that owes a frame this long gets a replacement beside it; whoever delivers first is heard.",
    ),
    key(
        "encoder.first_frame_ms",
        Valid::Range(50, 60_000, "a time in ms"),
        "In its place until the first frame of an external encoder.",
    ),
    key(
        "encoder.stall_threshold_ms",
        Valid::Range(100, 600_000, "a time in ms"),
        "A process that owes a frame this long is given up.",
    ),
    key(
        "encoder.backoff_ms",
        Valid::Range(0, 3_600_000, "a list of 1 to 32 times in ms, each"),
        "Waits before the restarts of an encoder that dies before catching up.",
    ),
    key(
        "encoder.max_restarts",
        Valid::Range(0, 1000, "a number of restarts"),
        "Restarts with a wait, before the encoder is FAILED.",
    ),
    key(
        "encoder.recovery_retry_minutes",
        Valid::Range(1, 10_080, "a time in minutes"),
        "Minutes between attempts of a FAILED encoder.",
    ),
    key(
        "encoder.hold_max_ms",
        Valid::Range(0, 10_000, "a time in ms"),
        "How long broadcast waits for a frame that is due before silence takes its place.",
    ),
    key(
        "encoder.replay_ticks_max",
        Valid::Range(10, 400, "a number of ticks"),
        "Ticks of history that a replacement is fed at most; fewer where the time is short. From 200 on its bytes are those of an encoder that never stopped.",
    ),
    key(
        "encoder.memory_mib_max",
        Valid::Range(32, 1_048_576, "a size in MiB"),
        "Memory that one encoder process may allocate.",
    ),
    key("encoder.ffmpeg", Valid::Text("the name or path of an executable"), "The FFmpeg executable."),
    key(
        "encoder.environment",
        Valid::Text("a list of at most 32 names of variables"),
        "Variables of the environment that FFmpeg and encoders of your own also get. All get `PATH`, `HOME`, `USER`, `LOGNAME`, `SHELL`, `TMPDIR`, `TZ`, `TZDIR`, `LANG`, `LANGUAGE`, `LC_*`, `LD_LIBRARY_PATH`, `LD_PRELOAD`, `GLIBC_TUNABLES`, `LADSPA_PATH`, `FFREPORT`, `NO_COLOR` and `RUST_BACKTRACE`, and nothing else; never `TOWER_*`.",
    ),
];

const BEHIND: &[Key] = &[
    key(
        "admin.password",
        Valid::Text("one line of text, at most 1024 bytes"),
        "Password of the user `admin`, in plain or as `tower passwd` prints it; empty: a random token is made at each start and printed.",
    ),
    key(
        "user.*.name",
        Valid::Text("one line of text without a colon, at most 255 bytes"),
        "What he gives as his name, and what the journal calls him; each his own, and not `admin`.",
    ),
    key(
        "user.*.password",
        Valid::Text("one line of text, at most 1024 bytes"),
        "Password, in plain or as `tower passwd` prints it; there must be one.",
    ),
    key("user.*.role", Valid::Words(&["observer", "operator", "admin"]), "What he may do."),
    key(
        "webhook.*.name",
        Valid::Text("one line of text, at most 255 bytes"),
        "Name in `/status`, in metrics and in the log; each its own.",
    ),
    key(
        "webhook.*.url",
        Valid::Text("a URL with http or https, at most 2048 bytes"),
        "Where events are posted to; it must be given. What follows the host is shown nowhere.",
    ),
    key(
        "webhook.*.secret",
        Valid::Text("one line of text, 16 to 1024 bytes"),
        "Key of the signatures; it must be given. `openssl rand -hex 32` makes one.",
    ),
    key(
        "webhook.*.kinds",
        Valid::Text("a list of kinds of events"),
        "Which events; [operating.md](operating.md#at-three-in-the-morning) has all kinds.",
    ),
    key(
        "alarm.silence_ms",
        Valid::Range(0, DAY_MS, "a time in ms"),
        "Listeners hear nothing for so long; 0 switches this alarm off, as with the other limits.",
    ),
    key(
        "alarm.silence_dbfs",
        Valid::Range(-90, -20, "a level in dBFS"),
        "What is quieter than this, on both channels, is silence.",
    ),
    key(
        "alarm.differs_ms",
        Valid::Range(0, DAY_MS, "a time in ms"),
        "What is sent has not been the programme for so long: another level, another sound, another speed. 0: off.",
    ),
    key(
        "alarm.differs_db",
        Valid::Range(3, 60, "a difference in dB"),
        "A level that is off by more than this is another level.",
    ),
    key(
        "alarm.damaged_frames",
        Valid::Range(0, 1_000_000, "a number of frames"),
        "So many frames were damaged, with less than `clear_ms` from each to the next. 0: off.",
    ),
    key(
        "alarm.late_ms",
        Valid::Range(0, DAY_MS, "a time in ms"),
        "Frames have been late, or silence was sent in their place, for so long. 0: off.",
    ),
    key(
        "alarm.no_programme_ms",
        Valid::Range(0, DAY_MS, "a time in ms"),
        "Neither station nor files have been on air for so long. 0: off.",
    ),
    key(
        "alarm.uplink_full_ms",
        Valid::Range(0, DAY_MS, "a time in ms"),
        "Many listeners of several addresses, which began to lag together, have lagged for so long. 0: off.",
    ),
    key(
        "alarm.busy_ms",
        Valid::Range(0, DAY_MS, "a time in ms"),
        "Encoders have waited for the processor for half of the time for so long. 0: off, and the tower leaves out nothing.",
    ),
    key(
        "alarm.disk_free_mib",
        Valid::Range(0, 1_000_000_000, "a size in MiB"),
        "Less than this is free on the disk of the sockets, or of the log if it is a file. 0: off.",
    ),
    key(
        "alarm.clear_ms",
        Valid::Range(100, DAY_MS, "a time in ms"),
        "An alarm is over when all has been well for so long.",
    ),
    key("log.level", Valid::Text("a filter such as \"info\" or \"info,radio_encoder=debug\""), "Filter of the log."),
    key("log.format", Valid::Words(&["text", "json"]), "`text` for people, `json` for one JSON object a line."),
];
