//! Files, folders and lists that are to be played: are they there, can they be read, what in them
//! cannot be used.

use super::{Finding, Verdict};
use crate::files::Playlist;
use crate::files::media::{MediaPath, configured};
use radio_config::Config;
use radio_decode::ffmpeg_sandbox;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Entries and files that are named of one path; the rest is counted.
const NAMED_MAX: usize = 20;

/// Where a unit of this name may be, the strongest first.
const UNIT: &str = "radio-tower.service";
const UNIT_FOLDERS: [&str; 4] =
    ["/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"];

/// What `ProtectHome` hides.
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];

pub(super) fn all(config: &Config) -> Vec<Finding> {
    let unit = unit_text();
    let lacks_ffmpeg = ffmpeg_sandbox::resolved(&config.encoder.ffmpeg).is_none();
    configured(config).iter().flat_map(|media| look(media, unit.as_deref(), lacks_ffmpeg)).collect()
}

fn look(media: &MediaPath, unit: Option<&str>, lacks_ffmpeg: bool) -> Vec<Finding> {
    let (check, is_fallback) = match media.key.split('.').next() {
        Some("fallback") => ("fallback", true),
        Some("play") => ("play", false),
        _ => ("playlist", false),
    };
    let path = media.path.as_path();
    let shown = path.display();
    let bad = |found: String, remedy: &str| {
        let verdict = if is_fallback { Verdict::Warning } else { Verdict::Problem };
        Finding { verdict, ..Finding::warning(check, found, remedy) }
    };
    let remedy = if is_fallback {
        "correct fallback.paths, or the permissions; the tone is heard instead".to_owned()
    } else {
        format!("correct {}, or the permissions; if it is a disk, mount it", media.key)
    };
    let mut findings = Vec::new();
    match audio_in(path, lacks_ffmpeg) {
        Ok((found, problems)) => {
            findings.push(Finding::ok(check, found));
            let remedy = "correct the list, or convert the files; the rest is played";
            findings.extend(problems.iter().take(NAMED_MAX).map(|problem| Finding::warning(check, problem, remedy)));
            if problems.len() > NAMED_MAX {
                let found = format!("{} more of such in {shown}", problems.len() - NAMED_MAX);
                findings.push(Finding::warning(check, found, remedy));
            }
        }
        Err(error) => findings.push(bad(format!("{shown}: {error}"), &remedy)),
    }
    let real = path.canonicalize().unwrap_or_else(|_| path.into());
    if unit.is_some_and(|unit| hides(unit, &real)) {
        let place = if real.is_dir() { real.as_path() } else { real.parent().unwrap_or(&real) };
        let remedy = format!(
            "`systemctl edit radio-tower`: [Service], ProtectHome=tmpfs, BindReadOnlyPaths={}, a line each; or move the \
             music, say to /srv/music",
            place.display()
        );
        findings.push(bad(format!("ProtectHome of the unit hides {shown} from the service"), &remedy));
    }
    findings
}

/// What there is to play at `path`, and what in it cannot be played.
fn audio_in(path: &Path, lacks_ffmpeg: bool) -> io::Result<(String, Vec<String>)> {
    path.metadata()?;
    let round = Playlist::new(vec![path.into()], false).lacking_ffmpeg(lacks_ffmpeg).round();
    let shown = path.display();
    if round.items.is_empty() {
        let why = if round.problems.is_empty() { "no audio files in it".into() } else { round.problems.join("; ") };
        return Err(io::Error::other(why));
    }
    let mut problems = round.problems;
    let faults = round.items.iter().filter_map(|item| Some((item, readable(&item.path).err()?)));
    problems.extend(faults.map(|(item, error)| format!("{}: {error}", item.path.display())));
    match round.items.len() {
        1 if round.items[0].path == path => readable(path).map(|()| (format!("{shown} is readable"), Vec::new())),
        files => Ok((format!("{files} audio files in {shown}"), problems)),
    }
}

fn readable(path: &Path) -> io::Result<()> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("is not a regular file"));
    }
    match File::open(path)?.read(&mut [0])? {
        0 => Err(io::Error::other("is empty")),
        _ => Ok(()),
    }
}

/// The unit, if one is installed, and what its drop-ins add, in their order.
fn unit_text() -> Option<String> {
    let unit = UNIT_FOLDERS.iter().find_map(|folder| std::fs::read_to_string(Path::new(folder).join(UNIT)).ok())?;
    let folders = UNIT_FOLDERS.iter().map(|folder| Path::new(folder).join(format!("{UNIT}.d")));
    let entries = folders.filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "conf"));
    files.sort_by_key(|file| file.file_name().map(ToOwned::to_owned));
    let texts = files.iter().filter_map(|file| std::fs::read_to_string(file).ok());
    Some(std::iter::once(unit).chain(texts).collect::<Vec<_>>().join("\n"))
}

/// Whether a service with this unit cannot see `path`.
fn hides(unit: &str, path: &Path) -> bool {
    let value =
        |line: &str, key: &str| Some(line.trim().strip_prefix(key)?.trim_start().strip_prefix('=')?.trim().to_owned());
    let protect = unit.lines().filter_map(|line| value(line, "ProtectHome")).next_back();
    let is_hidden = protect.is_some_and(|protect| ["yes", "true", "on", "1", "tmpfs"].contains(&&*protect));
    let bound = ["BindReadOnlyPaths", "BindPaths"].map(|key| unit.lines().filter_map(move |line| value(line, key)));
    let mut shown = bound.into_iter().flatten().flat_map(|paths| {
        paths
            .split_whitespace()
            .map(|path| path.trim_start_matches('-').split(':').next_back().unwrap_or("").to_owned())
            .collect::<Vec<_>>()
    });
    is_hidden && HOMES.iter().any(|home| path.starts_with(home)) && !shown.any(|bound| path.starts_with(bound))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(path: &Path) -> MediaPath {
        MediaPath { key: "play.paths".into(), input: None, path: path.into() }
    }

    #[test]
    fn files_are_counted_and_what_cannot_be_played_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let found = |path: &Path| look(&media(path), None, false);
        assert_eq!(found(&folder.path().join("gone"))[0].verdict, Verdict::Problem);
        assert!(found(folder.path())[0].found.contains("no audio files"));
        std::fs::create_dir(folder.path().join("album")).unwrap();
        std::fs::write(folder.path().join("album/a.MP3"), b"x").unwrap();
        assert!(found(folder.path())[0].found.starts_with("1 audio files"));
        std::fs::write(folder.path().join("b.flac"), b"").unwrap();
        std::fs::write(folder.path().join("c.m4p"), b"x").unwrap();
        let list = folder.path().join("l.m3u");
        std::fs::write(&list, "album/a.MP3\ngone.mp3\n").unwrap();
        let all = found(folder.path());
        assert!(all[0].found.starts_with("2 audio files") && all[0].verdict == Verdict::Ok, "{all:?}");
        assert!(all[1].found.contains("c.m4p) is in a format that cannot be played"), "{all:?}");
        std::fs::write(folder.path().join("d.wma"), b"x").unwrap();
        let without = look(&media(folder.path()), None, true);
        assert!(without[2].found.starts_with("1 file (1 .wma; such as "), "{without:?}");
        assert!(without[2].found.contains("needs FFmpeg, which is not installed"), "{without:?}");
        std::fs::remove_file(folder.path().join("d.wma")).unwrap();
        assert!(all[2].found.contains("b.flac: is empty"), "{all:?}");
        assert!(found(&list)[1].found.contains("\"gone.mp3\" is not there"));
        let fallback = MediaPath { key: "fallback.paths".into(), ..media(Path::new("/nowhere")) };
        assert_eq!(look(&fallback, None, false)[0].verdict, Verdict::Warning);
    }

    #[test]
    fn what_the_unit_hides_is_named_with_the_drop_in() {
        let unit = "[Service]\nExecStart=/usr/local/bin/tower serve\nProtectHome=yes\n";
        let music = Path::new("/home/dj/Music");
        let all = look(&media(music), Some(unit), false);
        let last = all.last().unwrap();
        assert!(last.found.contains("ProtectHome of the unit hides /home/dj/Music"), "{last:?}");
        let remedy = last.remedy.as_deref().unwrap();
        assert!(remedy.contains("ProtectHome=tmpfs") && remedy.contains("BindReadOnlyPaths=/home/dj"), "{remedy}");
        assert!(!hides(unit, Path::new("/srv/music")) && !hides("[Service]\n", music));
        for drop_in in
            ["ProtectHome=read-only", "ProtectHome=no", "ProtectHome=tmpfs\nBindReadOnlyPaths=-/home/dj/Music"]
        {
            assert!(!hides(&format!("{unit}[Service]\n{drop_in}\n"), music), "{drop_in}");
        }
        assert!(hides(&format!("{unit}ProtectHome=tmpfs\nBindReadOnlyPaths=/home/other\n"), music));
    }
}
