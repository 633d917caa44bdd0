//! Playlists as other programs write them, byte for byte, and what folders hold beside music (SPEC
//! FALL-3).

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use radio_tower::files::{Playlist, Round};
use std::path::{Path, PathBuf};

/// Names of files that one program or another writes in its own way.
const SONGS: [&str; 18] = [
    "plain.wav",
    "Album One/Café 1.wav",
    "Björk/Homogenic/02 - Jóga.mp3",
    "100% Cotton #1.mp3",
    "Señor & Señora.ogg",
    "two  blanks and a tail .mp3",
    "[Live] (2001)/01 {demo}.m4a",
    "semi;colon, comma='quote'.flac",
    "%41 is an A.mp3",
    "#hashtag.mp3",
    "UPPER/lower.MP3",
    "dots..and...dots.mp3",
    "Œuvre – “Été”.flac",
    "Мир/Привет.flac",
    "日本/東京.mp3",
    "Ελλάδα.ogg",
    "e\u{301}tude.wav",
    "plus+plus=2@home.aac",
];

/// How a program writes the list of one song.
struct Writer {
    program: &'static str,
    extension: &'static str,
    /// Whether it writes nothing but the charset of Windows.
    is_cp1252: bool,
    write: fn(&Song<'_>) -> Vec<u8>,
}

/// A song for a writer: its path from the list's folder on, and that folder.
struct Song<'a> {
    path: &'a str,
    folder: &'a str,
}

impl Song<'_> {
    fn backslashed(&self) -> String {
        self.path.replace('/', "\\")
    }

    fn url(&self) -> String {
        encoded(&format!("{}/{}", self.folder, self.path))
    }
}

const TITLE: &str = "An Artist - A Song";

fn encoded(path: &str) -> String {
    const UNSAFE: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'#')
        .add(b'%')
        .add(b'<')
        .add(b'>')
        .add(b'?')
        .add(b'[')
        .add(b']')
        .add(b'{')
        .add(b'}')
        .add(b'&')
        .add(b'\'');
    utf8_percent_encode(path, UNSAFE).to_string()
}

fn cp1252(text: &str) -> Vec<u8> {
    encoding_rs::WINDOWS_1252.encode(text).0.into_owned()
}

fn utf16(text: &str, is_little: bool) -> Vec<u8> {
    let bytes = |unit: u16| if is_little { unit.to_le_bytes() } else { unit.to_be_bytes() };
    std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(bytes).collect()
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&#39;")
}

fn xspf(location: &str) -> Vec<u8> {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<playlist xmlns=\"http://xspf.org/ns/0/\" \
         xmlns:vlc=\"http://www.videolan.org/vlc/playlist/ns/0/\" version=\"1\">\n\t<title>List</title>\n\t<trackList>\n\
         \t\t<track>\n\t\t\t<location>{}</location>\n\t\t\t<title>A Song</title>\n\t\t\t<creator>An Artist</creator>\n\
         \t\t\t<extension application=\"http://www.videolan.org/vlc/playlist/0\"><vlc:id>0</vlc:id></extension>\n\
         \t\t</track>\n\t</trackList>\n</playlist>\n",
        xml(location)
    )
    .into_bytes()
}

const WRITERS: [Writer; 17] = [
    Writer {
        program: "Winamp",
        extension: "m3u",
        is_cp1252: true,
        write: |song| cp1252(&format!("#EXTM3U\r\n#EXTINF:201,{TITLE}\r\n{}\r\n", song.backslashed())),
    },
    Writer {
        program: "Winamp, from the root of a drive",
        extension: "m3u",
        is_cp1252: true,
        write: |song| cp1252(&format!("#EXTM3U\r\n#EXTINF:201,{TITLE}\r\n\\Music\\{}\r\n", song.backslashed())),
    },
    Writer {
        program: "foobar2000",
        extension: "m3u8",
        is_cp1252: false,
        write: |song| format!("\u{FEFF}#EXTM3U\r\n#EXTINF:201,{TITLE}\r\nD:\\Music\\{}\r\n", song.backslashed()).into(),
    },
    Writer {
        program: "Windows Media Player",
        extension: "m3u",
        is_cp1252: true,
        write: |song| cp1252(&format!("#EXTM3U\r\n#EXTINF:0,{TITLE}\r\n{}\r\n\r\n", song.backslashed())),
    },
    Writer {
        program: "MusicBee, on a share",
        extension: "m3u8",
        is_cp1252: false,
        write: |song| format!("#EXTM3U\r\n#EXTINF:201,{TITLE}\r\n\\\\nas\\music\\{}\r\n", song.backslashed()).into(),
    },
    Writer {
        program: "AIMP",
        extension: "m3u8",
        is_cp1252: false,
        write: |song| utf16(&format!("#EXTM3U\r\n#EXTINF:201,{TITLE}\r\n.\\{}\r\n", song.backslashed()), true),
    },
    Writer {
        program: "AIMP, as PLS",
        extension: "pls",
        is_cp1252: true,
        write: |song| {
            let file = song.backslashed();
            cp1252(&format!(
                "[playlist]\r\nFile1={file}\r\nTitle1={TITLE}\r\nLength1=201\r\nNumberOfEntries=1\r\nVersion=2\r\n"
            ))
        },
    },
    Writer {
        program: "Notepad, big-endian",
        extension: "m3u",
        is_cp1252: false,
        write: |song| utf16(&format!("#EXTM3U\r\n#EXTINF:201,{TITLE}\r\n{}\r\n", song.path), false),
    },
    Writer {
        program: "iTunes on an old Mac",
        extension: "m3u8",
        is_cp1252: false,
        write: |song| format!("#EXTM3U\r#EXTINF:201,{TITLE}\r{}/{}\r", song.folder, song.path).into(),
    },
    Writer {
        program: "VLC",
        extension: "m3u8",
        is_cp1252: false,
        write: |song| format!("#EXTM3U\n#EXTINF:201,{TITLE}\n{}\n", encoded(song.path)).into(),
    },
    Writer {
        program: "VLC, as XSPF",
        extension: "xspf",
        is_cp1252: false,
        write: |song| xspf(&format!("file://{}", song.url())),
    },
    Writer {
        program: "Strawberry, as XSPF",
        extension: "xspf",
        is_cp1252: false,
        write: |song| xspf(&encoded(song.path)),
    },
    Writer {
        program: "Rhythmbox, as PLS",
        extension: "pls",
        is_cp1252: false,
        write: |song| {
            let url = song.url();
            format!("[playlist]\nX-GNOME-Title=List\nNumberOfEntries=1\nFile1=file://{url}\nTitle1={TITLE}\n").into()
        },
    },
    Writer {
        program: "Rhythmbox",
        extension: "m3u",
        is_cp1252: false,
        write: |song| format!("#EXTM3U\n#EXTINF:201,{TITLE}\nfile://localhost{}\n", song.url()).into(),
    },
    Writer {
        program: "Mixxx",
        extension: "m3u8",
        is_cp1252: false,
        write: |song| format!("#EXTM3U\n#EXTINF:201,{TITLE}\n{}/{}\n", song.folder, song.path).into(),
    },
    Writer {
        program: "Audacious",
        extension: "m3u",
        is_cp1252: false,
        write: |song| format!("#EXTM3U\n#EXTINF:201,{TITLE}\nfile:{}", song.url()).into(),
    },
    Writer {
        program: "a Windows program that writes URLs",
        extension: "m3u8",
        is_cp1252: false,
        write: |song| format!("#EXTM3U\r\n#EXTINF:201,{TITLE}\r\nfile:///C:/Music/{}\r\n", encoded(song.path)).into(),
    },
];

pub(crate) fn folder_of(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in names {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, b"").expect("a file");
    }
    folder
}

pub(crate) fn round_of(paths: &[&Path]) -> Round {
    Playlist::new(paths.iter().map(|path| path.to_path_buf()).collect(), false).round()
}

pub(crate) fn names(folder: &Path, round: &Round) -> Vec<String> {
    let inside = |path: &Path| path.strip_prefix(folder).unwrap_or(path).display().to_string();
    round.items.iter().map(|item| inside(&item.path)).collect()
}

/// The round of a list with this text in `folder`.
fn listed(folder: &Path, name: &str, bytes: &[u8]) -> Round {
    let list = folder.join(name);
    std::fs::write(&list, bytes).expect("a list");
    round_of(&[&list])
}

#[test]
fn every_program_names_every_song_in_its_own_way_and_each_is_found() {
    let folder = folder_of(&SONGS);
    let path = folder.path().canonicalize().expect("a path");
    let shown = path.display().to_string();
    let mut lists = 0;
    for Writer { program, extension, is_cp1252, write } in WRITERS {
        for song in SONGS {
            if is_cp1252 && encoding_rs::WINDOWS_1252.encode(song).2 {
                continue;
            }
            let bytes = write(&Song { path: song, folder: &shown });
            let round = listed(&path, &format!("list.{extension}"), &bytes);
            assert_eq!(names(&path, &round), [song], "{program}: {:?}", round.problems);
            assert!(round.problems.is_empty(), "{program}: {:?}", round.problems);
            assert_eq!(round.items[0].title.as_deref(), Some(TITLE), "{program}: {song}");
            lists += 1;
        }
    }
    assert!(lists >= 200, "{lists} lists");
}

#[test]
fn a_list_in_the_charset_of_its_country_names_files_that_have_unicode_names() {
    use encoding_rs as charsets;
    let songs = [
        ("Сплин/Выхода нет.mp3", charsets::WINDOWS_1251),
        ("Кино/ГРУППА крови.mp3", charsets::KOI8_R),
        ("Čeština/Řeka žije.ogg", charsets::WINDOWS_1250),
        ("Ελλάδα/Τραγούδι.flac", charsets::WINDOWS_1253),
        ("Türkçe/Şarkı ğ.mp3", charsets::WINDOWS_1254),
        // The second byte of two of these letters is that of `\\`.
        ("日本/表示ソ.mp3", charsets::SHIFT_JIS),
        ("中文/歌曲.wav", charsets::GBK),
        ("한국/노래.ogg", charsets::EUC_KR),
    ];
    let folder = folder_of(&songs.map(|(song, _)| song));
    for (song, charset) in songs {
        let text = format!("#EXTM3U\r\n#EXTINF:1,x\r\nC:\\Music\\{}\r\n", song.replace('/', "\\"));
        let (bytes, _, is_lossy) = charset.encode(&text);
        assert!(!is_lossy, "{song}");
        let round = listed(folder.path(), "list.m3u", &bytes);
        assert_eq!(names(folder.path(), &round), [song], "{}: {:?}", charset.name(), round.problems);
    }
    let (title, _, _) = charsets::WINDOWS_1251.encode("#EXTINF:1,Сплин - Выхода нет\n");
    let round = listed(folder.path(), "title.m3u", &[&title[..], "Сплин/Выхода нет.mp3\n".as_bytes()].concat());
    assert_eq!(names(folder.path(), &round), ["Сплин/Выхода нет.mp3"]);
    assert_eq!(round.items[0].title.as_deref(), Some("Сплин - Выхода нет"));
}

#[test]
fn a_list_is_read_from_the_folder_it_lies_in_and_windows_finds_its_way_from_there() {
    let folder = folder_of(&["music/A/1.mp3", "music/B/2.mp3", "music/lists/x.txt", "1.mp3"]);
    let lists = folder.path().join("music/lists");
    let windows = b"..\\A\\1.mp3\r\nC:\\Users\\me\\Music\\B\\2.mp3\r\nE:\\1.mp3\r\n";
    let round = listed(&lists, "w.m3u", windows);
    let found: Vec<PathBuf> = round.items.iter().map(|item| item.path.canonicalize().expect("a file")).collect();
    let music = folder.path().canonicalize().expect("a folder").join("music");
    assert_eq!(found, [music.join("A/1.mp3"), music.join("B/2.mp3")]);
    // A bare name says too little to be looked for elsewhere.
    assert_eq!(round.problems.len(), 1);
    assert!(round.problems[0].contains("entry 3: \"E:\\1.mp3\" is not there"), "{:?}", round.problems);
    // A path of this system that is gone means no other file.
    let round = listed(&lists, "u.m3u", b"/nowhere/A/1.mp3\n");
    assert!(round.items.is_empty() && round.problems.len() == 1);
}

#[test]
fn large_and_small_letters_and_composed_ones_are_the_same_where_nothing_else_is_found() {
    let folder = folder_of(&["Music/Song.MP3", "music/song.mp3", "Caf\u{e9}.ogg", "Ete\u{301}.ogg"]);
    let text = "MUSIC\\SONG.mp3\nmusic/song.mp3\ncafe\u{301}.OGG\net\u{e9}.ogg\n";
    let round = listed(folder.path(), "l.m3u8", text.as_bytes());
    assert_eq!(round.problems, [""; 0]);
    let found = names(folder.path(), &round);
    assert!(["Music/Song.MP3", "music/song.mp3"].contains(&found[0].as_str()), "{found:?}");
    assert_eq!(found[1..], ["music/song.mp3", "Caf\u{e9}.ogg", "Ete\u{301}.ogg"], "as it is written first");
}

#[test]
fn each_entry_that_cannot_be_used_is_named_once() {
    let folder = folder_of(&["a.mp3", "#2.mp3"]);
    let list = folder.path().join("l.m3u");
    let text =
        "#EXTM3U\n# a comment.mp3\n#2.mp3\nhttp://radio.example/stream\ngone.mp3\na.mp3\nmms://x/y\nsmb://nas/a.mp3\n";
    std::fs::write(&list, text).expect("a list");
    let mut playlist = Playlist::new(vec![list.clone()], false);
    let round = playlist.round();
    assert_eq!(names(folder.path(), &round), ["#2.mp3", "a.mp3"]);
    let wanted = [
        "entry 4: \"http://radio.example/stream\" is the address of a stream",
        "entry 5: \"gone.mp3\" is not there",
        "entry 7: \"mms://x/y\" is the address",
        "entry 8: \"smb://nas/a.mp3\" is the address",
    ];
    assert_eq!(round.problems.len(), wanted.len(), "{:?}", round.problems);
    for (problem, wanted) in round.problems.iter().zip(wanted) {
        assert!(problem.contains(wanted) && problem.contains("l.m3u"), "{problem}");
    }
    assert!(playlist.round().problems.is_empty(), "told already");
    std::fs::write(&list, "a.mp3\ngone too.mp3\n").expect("a list");
    assert_eq!(playlist.round().problems.len(), 1, "what is new is told");
}

#[test]
fn lists_may_name_folders_and_lists_but_not_themselves() {
    let folder = folder_of(&["album/1.ogg", "album/2.ogg", "b.mp3"]);
    std::fs::write(folder.path().join("inner.pls"), "[playlist]\nFile2=album\nFile1=b.mp3\n").expect("a list");
    let round = listed(folder.path(), "outer.m3u", b"inner.pls\nouter.m3u\nb.mp3\n");
    assert_eq!(names(folder.path(), &round), ["b.mp3", "album/1.ogg", "album/2.ogg", "b.mp3"]);
    assert_eq!(round.problems.len(), 1);
    assert!(round.problems[0].contains("leads back to itself"), "{:?}", round.problems);
}

#[test]
fn what_is_no_list_of_files_is_told_and_nothing_of_it_is_endless() {
    let folder = folder_of(&["a.mp3"]);
    let told = |name: &str, bytes: &[u8]| listed(folder.path(), name, bytes).problems.join(" ");
    assert!(told("hls.m3u8", b"#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:6,\na.ts\n").contains("is an HLS stream"));
    assert!(told("bad.xspf", b"<playlist><trackList><track></playlist>").contains("is not good XML"));
    let many = "x.mp3\n".repeat(5000);
    let round = listed(folder.path(), "many.m3u", many.as_bytes());
    assert!(round.problems.len() <= 2, "the same entry in {} problems", round.problems.len());
    let long = [b"a.mp3\n".repeat(10), vec![b'x'; 5 << 20]].concat();
    let round = listed(folder.path(), "long.m3u", &long);
    assert_eq!(round.items.len(), 10);
    assert!(round.problems.iter().any(|problem| problem.contains("is longer than 4 MiB")), "{:?}", round.problems);
    let bomb = "<!DOCTYPE l [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]><playlist><trackList><track>\
                <location>&b;</location></track></trackList></playlist>";
    assert!(listed(folder.path(), "bomb.xspf", bomb.as_bytes()).problems[0].contains("\"&b;\" is not there"));
}
