//! Rounds of folders: what is left out, what is missing, and where a round goes on (SPEC FALL-5).

use crate::playlists::{folder_of, names, round_of};
use radio_tower::files::{Place, Playlist, Round};
use std::collections::BTreeSet;

#[test]
fn what_is_hidden_deleted_or_an_old_version_is_not_played() {
    let folder = folder_of(&[
        "song.wav",
        ".upload.wav",
        "._song.wav",
        ".Trash-1000/files/deleted.wav",
        ".stversions/song~1.wav",
        ".stfolder/x.wav",
        "$RECYCLE.BIN/S-1-5-21/$R1.wav",
        "System Volume Information/x.wav",
        "lost+found/x.wav",
        "@eaDir/song.wav/x.wav",
        "#recycle/x.wav",
        "__MACOSX/._song.wav",
        "album/.hidden/x.wav",
        "album/#snapshot/x.wav",
        "album/2.wav",
    ]);
    let round = round_of(&[folder.path()]);
    assert_eq!(names(folder.path(), &round), ["song.wav", "album/2.wav"]);
    assert!(round.problems.is_empty());
    // What is named itself may be hidden.
    let hidden = folder.path().join(".stversions");
    assert_eq!(names(&hidden, &round_of(&[&hidden])), ["song~1.wav"]);
}

#[test]
fn links_neither_multiply_songs_nor_end_the_walk() {
    use std::os::unix::fs::symlink;
    let folder = folder_of(&["a.mp3", "album/b.mp3"]);
    let path = folder.path();
    symlink(path, path.join("again")).expect("a link");
    symlink(path, path.join("album/up")).expect("a link");
    symlink("album", path.join("same")).expect("a link");
    symlink("nowhere", path.join("dangling.mp3")).expect("a link");
    let round = round_of(&[path]);
    assert_eq!(names(path, &round), ["a.mp3", "dangling.mp3", "album/b.mp3"]);
}

#[test]
fn files_that_nobody_can_play_are_counted_and_one_is_named() {
    let folder = folder_of(&["a.mp3", "b.mid", "c/d.MID", "c/e.m4p", "cover.jpg", "notes.txt"]);
    let mut playlist = Playlist::new(vec![folder.path().into()], false);
    let problems = playlist.round().problems;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].starts_with("3 files (1 .m4p, 2 .mid; such as "), "{problems:?}");
    assert!(problems[0].contains("are in formats that cannot be played"), "{problems:?}");
    assert!(playlist.round().problems.is_empty());
}

#[test]
fn files_that_need_ffmpeg_are_counted_and_one_is_named_where_it_is_not_installed() {
    let folder = folder_of(&["a.mp3", "b.WMA", "c/d.ape", "c/e.wma", "f.opus"]);
    let playlist = || Playlist::new(vec![folder.path().into()], false);
    assert!(playlist().round().problems.is_empty(), "FFmpeg is there");
    let mut without = playlist().lacking_ffmpeg(true);
    let Round { items, problems, .. } = without.round();
    assert_eq!((items.len(), problems.len()), (5, 1), "{problems:?}");
    assert!(problems[0].starts_with("3 files (1 .ape, 2 .wma; such as "), "{problems:?}");
    assert!(problems[0].contains("need FFmpeg, which is not installed"), "{problems:?}");
    assert!(without.round().problems.is_empty(), "told once");
}

#[test]
fn what_is_configured_and_not_there_is_missing_and_joins_when_it_comes() {
    let folder = folder_of(&["a.mp3"]);
    let late = folder.path().join("late");
    let mut playlist = Playlist::new(vec![folder.path().join("a.mp3"), late.clone()], false);
    let round = playlist.round();
    assert_eq!((names(folder.path(), &round), &round.missing), (vec!["a.mp3".to_owned()], &vec![late.clone()]));
    std::fs::create_dir(&late).expect("a folder");
    std::fs::write(late.join("b.mp3"), b"").expect("a file");
    assert_eq!(names(&late, &playlist.joining(&late, 0)), ["b.mp3"]);
    assert!(playlist.round().missing.is_empty());
}

#[test]
fn a_round_goes_on_where_it_was_whatever_has_come_and_gone() {
    let all: Vec<String> = (0..50).map(|n| format!("{n:02}.mp3")).collect();
    let folder = folder_of(&all.iter().map(String::as_str).collect::<Vec<_>>());
    for seed in [None, Some(7)] {
        let playlist = || Playlist::with_seed(vec![folder.path().into()], seed);
        let whole = playlist().round();
        let at = |index: usize| Place { seed: whole.seed, path: whole.items[index].path.clone(), index };
        let rest = |place: Place| playlist().going_on(Some(place)).round();
        let round = rest(at(20));
        assert_eq!((round.first, &round.items[..]), (20, &whole.items[20..]));
        // What is new is played where it belongs, and nothing is played twice for it.
        let new = folder.path().join("25 and a half.mp3");
        std::fs::write(&new, b"").expect("a file");
        let heard = &whole.items[..20];
        let round = rest(at(20));
        assert_eq!(round.items[0], whole.items[20]);
        assert!(round.items.iter().all(|item| !heard.contains(item)));
        std::fs::remove_file(&new).expect("our own file");
        // The file that was played is gone: the one in its place.
        let gone = Place { path: "/nowhere/gone.mp3".into(), ..at(20) };
        assert_eq!(rest(gone).items, whole.items[20..]);
        // The next round is whole.
        let mut playlist = playlist().going_on(Some(at(49)));
        assert_eq!((playlist.round().items.len(), playlist.round().items.len()), (1, 50));
    }
}

#[test]
fn a_folder_is_played_by_name_with_the_folders_in_it_and_read_anew_in_each_round() {
    let folder = folder_of(&["b.mp3", "a.FLAC", "notes.txt", "z/1.ogg", "c/2.m4a", "c/d/3.wav", "cover.jpg"]);
    let mut playlist = Playlist::new(vec![folder.path().into()], false);
    let round = playlist.round();
    assert_eq!(names(folder.path(), &round), ["a.FLAC", "b.mp3", "c/2.m4a", "c/d/3.wav", "z/1.ogg"]);
    std::fs::write(folder.path().join("aa.mp3"), b"").expect("a file");
    assert_eq!(playlist.round().items.len(), 6);
}

#[test]
fn shuffled_rounds_hold_every_file_once_and_differ() {
    let all: Vec<String> = (0..20).map(|n| format!("{n}.mp3")).collect();
    let folder = folder_of(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let mut playlist = Playlist::with_seed(vec![folder.path().into()], Some(7));
    let rounds: Vec<Round> = (0..50).map(|_| playlist.round()).collect();
    for round in &rounds {
        assert_eq!(names(folder.path(), round).into_iter().collect::<BTreeSet<_>>(), all.iter().cloned().collect());
    }
    assert_ne!(rounds[0].items, rounds[1].items);
    assert!(rounds.windows(2).all(|pair| pair[0].items.last() != pair[1].items.first()), "twice in a row");
}
