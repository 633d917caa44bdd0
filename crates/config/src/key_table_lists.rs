//! Every key of an `[[output]]` and an `[[input]]`.

use super::key::{BOOLEAN, DAY_MS, Key, PATHS, TITLE, Valid, key};

/// In the order in which they are shown.
pub(super) const LISTS: &[Key] = &[
    key(
        "output.*.mount",
        Valid::Text("a path such as \"/stream\", of letters, digits, and any of . _ ~ - /"),
        "Path of the stream; served with its codec's ending, such as `.mp3`, behind it too.",
    ),
    key(
        "output.*.aliases",
        Valid::Text("a list of at most 16 paths, of letters, digits, and any of . _ ~ - / ; , = : @ ! $ ' ( ) *"),
        "Other paths at which the same stream is served, such as an old server's `/;` or `/;stream.mp3`. Listeners there count as those of the mount.",
    ),
    key("output.*.name", TITLE, "Name shown to players."),
    key("output.*.genre", TITLE, "Genre shown to players."),
    key("output.*.description", TITLE, "Description shown to players."),
    key("output.*.url", TITLE, "Page of the programme, told to players as `icy-url`; empty: none."),
    key(
        "output.*.encoder",
        Valid::Words(&["builtin", "ffmpeg", "command"]),
        "`builtin`: the tower's own, MP3 at 48 kHz and Opus. `ffmpeg`: FFmpeg with libmp3lame, libopus, or its own AAC; the default of AAC. `command`: any other, see the next three keys.",
    ),
    key(
        "output.*.command",
        Valid::Text("a list of words: an executable and its arguments, at most 64"),
        "A program that reads 48 kHz stereo s16le PCM from standard input, whatever `channels` is, and writes frames of the configured codec, bitrate, sample rate and channels to standard output: MP3 without bit reservoir, AAC in ADTS, Opus in Ogg with packets of 20 ms, a page each.",
    ),
    key(
        "output.*.command_delay_ms",
        Valid::Range(24, 10_000, "a time in ms"),
        "How long after its PCM a frame of it comes at the latest.",
    ),
    key(
        "output.*.replay",
        Valid::Words(&["exact", "approx", "none"]),
        "What a restarted process makes of the same PCM: the same bytes, the same sound, or neither.",
    ),
    key("output.*.stand_in", BOOLEAN, "Whether the built-in encoder carries the programme while another one cannot."),
    key(
        "output.*.codec",
        Valid::Words(&["mp3", "aac", "he-aac", "opus"]),
        "`mp3`: MPEG-1 Layer III. `aac`: AAC-LC in ADTS, which needs FFmpeg or a command. `he-aac`: HE-AAC in ADTS, by a command alone. `opus`: Opus in Ogg. See [outputs](outputs.md).",
    ),
    key(
        "output.*.bitrate_kbps",
        Valid::Text("a bitrate in kbit/s that the codec has"),
        "Constant bitrate. MP3: 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256 or 320. AAC, which varies around it, and Opus: 16 to 320; Opus in mono: 16 to 256; HE-AAC: 16 to 128.",
    ),
    key(
        "output.*.sample_rate_hz",
        Valid::Range(44_100, 48_000, "a sample rate in Hz"),
        "48000; for MP3 44100 too, which takes `encoder = \"ffmpeg\"` or a command.",
    ),
    key(
        "output.*.channels",
        Valid::Range(1, 2, "a number of channels"),
        "Channels that players hear: 2, joint stereo, or 1, the mean of both.",
    ),
    key(
        "output.*.playout_delay_ms",
        Valid::Range(0, 60_000, "a time in ms"),
        "How far broadcast is behind the clock; hides the restart of an encoder. See below.",
    ),
    key("output.*.burst_ms", Valid::Range(0, 30_000, "a time in ms"), "What a new listener gets at once."),
    key(
        "output.*.latency",
        Valid::Words(&["normal", "low"]),
        "`normal`: a listener is sent to every `server.period_ms`. `low`: with every frame.",
    ),
    key(
        "output.*.title_charset",
        Valid::Words(&["utf-8", "latin1"]),
        "Charset of the titles that players show; `latin1` for old hardware.",
    ),
    key(
        "output.*.password",
        Valid::Text("a password, or what `tower passwd` prints"),
        "What listeners of this output must give, with the name `listener`. Empty: nothing.",
    ),
    key(
        "output.*.listeners_max",
        Valid::Range(0, 1_000_000, "a number of listeners"),
        "Listeners of this output; 0 is no limit but that in all.",
    ),
    key(
        "input.*.name",
        Valid::Text("one line of text, at most 255 bytes, and not a name the tower uses itself"),
        "Name in `/status`, in metrics and in the journal.",
    ),
    key(
        "input.*.kind",
        Valid::Words(&["icecast", "pcm_tcp", "pcm_unix", "playlist", "url", "command"]),
        "`icecast`: a mount to which a source connects as it does to an Icecast server. `pcm_tcp`: an address that takes PCM. `pcm_unix`: a Unix socket that does. `playlist`: files that the tower plays. `url`: a stream of another server that the tower pulls. `command`: a program that the tower runs, which writes PCM. [inputs.md](inputs.md) has which keys each has.",
    ),
    key(
        "input.*.mount",
        Valid::Text("a path such as \"/live\", of letters, digits, and any of . _ ~ - /"),
        "`icecast`: where a source connects to. It may be the path of an output too: listeners GET, sources PUT.",
    ),
    key(
        "input.*.user",
        Valid::Text("one line of text without a colon, at most 255 bytes"),
        "`icecast`: the user that a source gives. `url`: the user to give, if there is a password.",
    ),
    key(
        "input.*.password",
        Valid::Text("one line of text, at most 1024 bytes"),
        "`icecast`: the password that a source gives; there must be one. `url`: the password to give; empty: none.",
    ),
    key(
        "input.*.address",
        Valid::Text("an IP address and a TCP port, such as \"127.0.0.1:8010\""),
        "`pcm_tcp`: where to listen. There is no password: whoever reaches it can go on air, so let it be loopback or a private network.",
    ),
    key(
        "input.*.socket",
        Valid::Text("a path of at most 107 bytes"),
        "`pcm_unix`: path of the socket, of mode 0660. A file that a dead tower left is replaced; one in use is refused.",
    ),
    key(
        "input.*.pacing",
        Valid::Words(&["buffer", "resample"]),
        "`pcm_tcp`, `pcm_unix`, `command`: `buffer`: the producer has the tower's clock. `resample`: it has its own, and is followed within +-1 %. Not set: `buffer` at a Unix socket, else `resample`.",
    ),
    key(
        "input.*.producers_max",
        Valid::Range(1, 16, "a number of producers"),
        "`pcm_tcp`, `pcm_unix`: producers connected at the same time; the first is heard, and the next when it leaves.",
    ),
    key(
        "input.*.paths",
        PATHS,
        "`playlist`: files, folders and `.m3u` lists, played one after the other, for ever; looked at anew in each round.",
    ),
    key("input.*.shuffle", BOOLEAN, "`playlist`: shuffle each round."),
    key(
        "input.*.crossfade_ms",
        Valid::Range(0, 12_000, "a time in ms"),
        "`playlist`: Crossfade between two songs; at most half of a song is in one, and what belongs together on an album has none. Silence of more than half a second at the ends of a song is left out. 0: one follows the other without a gap.",
    ),
    key(
        "input.*.loudness_lufs",
        Valid::Range(-30, -8, "a loudness in LUFS"),
        "`playlist`: Loudness to which songs are brought, by their ReplayGain or R128 tags, or as they are measured; -18 is what ReplayGain has. Not set: their level stays as it is.",
    ),
    key(
        "input.*.url",
        Valid::Text("a URL with http or https, at most 2048 bytes"),
        "`url`: the stream to pull, in any format that a source may send.",
    ),
    key(
        "input.*.command",
        Valid::Text("a list of words: an executable and its arguments, at most 64"),
        "`command`: a program that writes 48 kHz stereo s16le PCM to standard output, and titles as lines `title: ...` to standard error. It is started again when it ends.",
    ),
    key(
        "input.*.priority",
        Valid::Range(1, 1000, "a number"),
        "Higher ones go on air before lower ones. The station has 20 unless `station.priority` says otherwise, `[play]` 10. Not set: 30, and 10 for a `playlist`.",
    ),
    key(
        "input.*.preroll_ticks",
        Valid::Range(1, 1249, "a number of ticks"),
        "Ticks a source must hold before it is on air, and for which it must have been there: what its network may be late by. Less than half of `capacity_ticks`.",
    ),
    key(
        "input.*.capacity_ticks",
        Valid::Range(100, 2500, "a number of ticks"),
        "Ticks its buffer holds: the longest burst that is taken.",
    ),
    key(
        "input.*.when_full",
        Valid::Words(&["drop", "wait"]),
        "`drop`: the newest frame is dropped and counted, the source never waits. `wait`: the source is slowed by its own socket, which a program that sends files faster than real time wants. A `playlist` always waits.",
    ),
    key(
        "input.*.grace_ms",
        Valid::Range(0, DAY_MS, "a time in ms"),
        "While it lasts after the source has left, no lower input follows. Not set: a lower input follows at once.",
    ),
    key(
        "input.*.fade_ms",
        Valid::Range(1, 10_000, "a time in ms"),
        "Crossfade to this input, and from it to what is no input. Shortened to what the input that leaves still holds, which is one tick if it stops without ending. Not set: `router.fade_ms`.",
    ),
    key(
        "input.*.silence_gate_ms",
        Valid::Range(0, DAY_MS, "a time in ms"),
        "A source that sends nothing but silence for so long counts as absent, until there is sound for 240 ms; 0: never.",
    ),
    key(
        "input.*.silence_gate_dbfs",
        Valid::Range(-90, -20, "a level in dBFS"),
        "What never is louder than this is silence. It is the peak that counts, so quiet music is none.",
    ),
    key(
        "input.*.gain_db",
        Valid::Range(-60, 20, "a gain in dB"),
        "Louder by so much; what that makes too loud is cut off at full scale.",
    ),
    key(
        "input.*.title_delay_ms",
        Valid::Range(-5000, 60_000, "a time in ms"),
        "Titles of this input are shown so much later than the sound that arrives with them: for automation that tells its titles ahead of its sound. Negative: earlier, as far as that sound still waits in the buffer.",
    ),
    key(
        "input.*.second_source",
        Valid::Words(&["takeover", "refuse"]),
        "`icecast`: what becomes of a second source with the right password: it takes over and the first is ended, or it is told that the mount is busy (403).",
    ),
    key(
        "input.*.timeout_ms",
        Valid::Range(1000, 600_000, "a time in ms"),
        "A source that delivers no byte for this long is ended; a `url` is connected to again.",
    ),
];
