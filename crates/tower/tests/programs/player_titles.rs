//! Players show each title with the sound that it belongs to: within a `metaint` interval and a send period, counted in
//! audio, so that no busy machine is in the figure (SPEC LIS-3).

use crate::common;
use crate::player::Player;
use radio_proof::alarm::{self, wait_until};
use radio_proof::icy::Icy;
use radio_proof::{CODEC_DELAY_SAMPLES, FRAME_BYTES, TICK_SAMPLES, material, measure, mp3};
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// What is played over and over: the name of each is its title, and its tone tells it from the other.
const SONGS: [(&str, f64); 2] = [("1 low", 400.0), ("2 high", 900.0)];
const SONG_S: usize = 5;
const NAME_CHARS_MAX: usize = 6;

/// `icy-metaint` of the default mount, and as audio.
const INTERVAL_BYTES: usize = 16_000;
const INTERVAL_S: f64 = 1.0;
const SEND_PERIOD_S: f64 = 0.504;

/// What a player that plays what it has keeps at most between reading and playing: it reads on up to the next title, and
/// its decoder keeps a little.
const AHEAD_S: f64 = INTERVAL_S + 0.3;
/// VLC tells a title when it reads it, and plays a second later.
const AHEAD_VLC_S: f64 = AHEAD_S + 1.0;

/// Time in which a tone is sought.
const LOOK_SAMPLES: usize = 960;

/// When, in samples, which song begins; the first is there from the beginning.
fn changes(left: &[f64]) -> Vec<(usize, usize)> {
    let heard = |piece: &[f64]| {
        let levels = SONGS.map(|(_, hz)| measure::tone_dbfs(piece, hz));
        let loudest = usize::from(levels[1] > levels[0]);
        (levels[loudest] > -40.0).then_some(loudest)
    };
    let pieces = left.chunks_exact(LOOK_SAMPLES).enumerate();
    let mut songs: Vec<_> = pieces.filter_map(|(n, piece)| Some((n * LOOK_SAMPLES, heard(piece)?))).collect();
    songs.dedup_by_key(|(_, song)| *song);
    songs
}

/// Of the beginnings of `song`, the one that is nearest to `at`.
#[track_caller]
fn nearest(changes: &[(usize, usize)], song: usize, at: f64) -> f64 {
    let begins = changes.iter().filter(|(_, begun)| *begun == song).map(|(at, _)| *at as f64);
    begins.min_by(|a, b| (a - at).abs().total_cmp(&(b - at).abs())).expect("it has been heard")
}

/// A title that a player shows: of which song, and how many seconds it had played, at least and at most, when it did.
#[derive(Debug)]
struct Shown {
    song: usize,
    before_s: f64,
    after_s: f64,
}

/// A player, and what it shows.
struct Follower {
    name: &'static str,
    player: Player,
    /// A title may be shown so much sooner than it is heard: what the player has read, and not played.
    ahead_s: f64,
    read: [u64; 2],
    unread: String,
    played_s: f64,
    shown: Vec<Shown>,
}

impl Follower {
    fn new(name: &'static str, player: Player, ahead_s: f64) -> Self {
        Self { name, player, ahead_s, read: [0; 2], unread: String::new(), played_s: 0.0, shown: Vec::new() }
    }

    fn look(&mut self) {
        // What it had played before the last look, and after this one: the title was shown in between.
        let before_s = std::mem::replace(&mut self.played_s, self.player.played_s());
        self.unread += &self.player.said_since(&mut self.read);
        let named = SONGS.iter().enumerate().filter_map(|(song, (name, _))| Some((self.unread.rfind(name)?, song)));
        if let Some((_, song)) = named.max() {
            self.unread.clear();
            if self.shown.last().is_none_or(|shown| shown.song != song) {
                self.shown.push(Shown { song, before_s, after_s: self.player.played_s() });
            }
        } else if let Some((from, _)) = self.unread.char_indices().nth_back(NAME_CHARS_MAX) {
            // One may have begun.
            self.unread.drain(..from);
        }
    }

    /// Each title but the first, which was there before the player came.
    #[track_caller]
    fn judge(&self) {
        let changes = changes(&self.player.all_heard());
        for Shown { song, before_s, after_s } in &self.shown[1..] {
            let begins_s = nearest(&changes, *song, before_s * 48_000.0) / 48_000.0;
            let (least, most) = (before_s - begins_s, after_s - begins_s);
            println!("{}: {} is shown {least:.3} to {most:.3} s after its sound begins", self.name, SONGS[*song].0);
            assert!(least <= INTERVAL_S + SEND_PERIOD_S, "{}: the title comes {least:.3} s late", self.name);
            assert!(most >= -self.ahead_s, "{}: the title comes {:.3} s before its sound", self.name, -most);
        }
    }
}

#[test]
fn every_player_shows_a_title_with_its_sound() {
    let setup = common::setup();
    std::fs::create_dir(setup.path("music")).expect("a temporary directory");
    for (name, hz) in SONGS {
        let pcm = measure::to_stereo_s16(&measure::sine(hz, 0.3, 0.0, 48_000 * SONG_S));
        std::fs::write(setup.path(&format!("music/{name}.wav")), material::wav(&pcm)).expect("a temporary file");
    }
    let folder = setup.path("music").display().to_string();
    let tower = setup.line(&format!("play.paths = [{folder:?}]")).start();
    tower.wait_source("play", PATIENCE);
    // Without a burst, so that no player has more ahead of it than it wants.
    let url = format!("http://{}/stream?burst=0", tower.address);
    let received = tower.path("received");
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--max-time", "1200", "-H", "Icy-MetaData: 1", "--output"]).arg(&received).arg(&url);
    let mut curl = curl.spawn().unwrap_or_else(|error| panic!("cannot run curl ({error}): apt-get install curl"));
    let mut followers = [
        Follower::new("ffmpeg", Player::ffmpeg(&url), AHEAD_S),
        Follower::new("mpg123", Player::mpg123(&url), AHEAD_S),
        Follower::new("mpv", Player::mpv(&url), AHEAD_S),
        Follower::new("VLC", Player::vlc(&url), AHEAD_VLC_S),
    ];
    let length = alarm::seconds(2 * SONG_S as u64, 600);
    let titles = length.as_secs() as usize / SONG_S;
    wait_until("titles at every player", length + PATIENCE, || {
        followers.iter_mut().for_each(Follower::look);
        followers.iter().all(|follower| follower.shown.len() > titles)
    });
    let is_played = |follower: &Follower| {
        let last = follower.shown.last().expect("there are some");
        follower.player.played_s() > last.after_s + follower.ahead_s + 0.5
    };
    wait_until("their sound", PATIENCE, || followers.iter().all(is_played));
    let _already_gone = curl.kill();
    let _status = curl.wait();
    followers.iter().for_each(Follower::judge);

    // Where the bytes themselves can be looked at, it is the first place after the frame.
    let icy = Icy::parse(&std::fs::read(received).expect("curl has received something"), INTERVAL_BYTES);
    let changes = changes(&mp3::decode_left(&icy.audio[..icy.audio.len() / FRAME_BYTES * FRAME_BYTES]));
    assert!(icy.blocks.len() > titles, "{:?}", icy.texts());
    for ((at, _), text) in icy.blocks.iter().zip(icy.texts()).skip(1) {
        let song = SONGS.iter().position(|(name, _)| text.contains(name)).unwrap_or_else(|| panic!("{text}?"));
        let heard = *at as f64 / FRAME_BYTES as f64 * TICK_SAMPLES as f64 + CODEC_DELAY_SAMPLES as f64;
        let late = (heard - nearest(&changes, song, heard)) / TICK_SAMPLES as f64;
        println!("curl: {text} stands {late:.1} frames after its sound begins");
        // A look and a fade are not exact to the frame.
        let most = INTERVAL_BYTES as f64 / FRAME_BYTES as f64;
        assert!((-2.0..=most + 2.0).contains(&late), "{text}: {late:.1} frames, and an interval has {most:.1}");
    }
}
