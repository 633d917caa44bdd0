//! Checks of single files: length, unfinished work, panics on air, recordings.

use super::Source;

/// Lines a source file may have.
const LINES_MAX: usize = 400;

/// Where nothing may panic: the way of the audio.
const ON_AIR: [&str; 6] = [
    "crates/signal/src/",
    "crates/fanout/src/",
    "crates/tower/src/pump/",
    "crates/encoder/src/",
    "crates/tower/src/broadcast/",
    "crates/tower/src/ingest/",
];

/// A comment with these words, on the line or the one above, says that the line runs before or after air time.
const NOT_ON_AIR: &str = "not on air:";

/// Source files that are too long for one idea.
pub(super) fn length(source: &Source) -> Option<String> {
    let lines = source.text.lines().count();
    let too_long = source.path.ends_with(".rs") && lines > LINES_MAX;
    too_long.then(|| format!("{}: {lines} lines, {LINES_MAX} are allowed: split it by idea", source.path))
}

/// Notes to oneself.
pub(super) fn unfinished(source: &Source) -> Vec<String> {
    let words = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["todo", "!("].concat()];
    let checked = [".rs", ".md", ".toml", ".html", ".js"].iter().any(|end| source.path.ends_with(end));
    let lines = source.text.lines().enumerate().filter(|_| checked);
    lines
        .filter(|(_, line)| words.iter().any(|word| line.contains(word.as_str())))
        .map(|(number, line)| format!("{}:{}: unfinished: {}", source.path, number + 1, line.trim()))
        .collect()
}

/// `unwrap()` and `expect(` outside tests in the folders of the audio path.
pub(super) fn may_panic_on_air(source: &Source) -> Vec<String> {
    let file = source.path.rsplit('/').next().unwrap_or_default();
    if !ON_AIR.iter().any(|folder| source.path.starts_with(folder))
        || file.ends_with("tests.rs")
        || ["/tests/", "/simulation/"].iter().any(|folder| source.path.contains(folder))
    {
        return Vec::new();
    }
    let mut faults = Vec::new();
    let mut above = "";
    // Test modules stand last in a file.
    for (number, line) in source.text.lines().enumerate().take_while(|(_, line)| !line.starts_with("#[cfg(test)]")) {
        let code = line.split("//").next().unwrap_or_default();
        let panics = [".unwrap()", ".expect(", "panic!(", "unreachable!("].iter().any(|call| code.contains(call));
        if panics && !line.contains(NOT_ON_AIR) && !above.contains(NOT_ON_AIR) {
            faults.push(format!("{}:{}: may panic on air: {}", source.path, number + 1, line.trim()));
        }
        above = line;
    }
    faults
}

/// Recordings do not belong into the history.
pub(super) fn media(paths: &[String]) -> Vec<String> {
    let ends = [".mp3", ".wav", ".flac", ".ogg", ".m4a", ".aac", ".pcm"];
    let recordings = paths.iter().filter(|path| ends.iter().any(|end| path.ends_with(end)));
    recordings.map(|path| format!("{path}: recordings are not kept in the repository")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    #[test]
    fn an_unwrap_is_found_on_air_only_outside_tests_and_comments() {
        let text = "fn f() {\n    a.unwrap(); // b.expect(\n    // c.unwrap()\n    d.unwrap_or(1);\n}\n#[cfg(test)]\nmod tests { e.unwrap() }";
        assert_eq!(may_panic_on_air(&source("crates/signal/src/x.rs", text)).len(), 1);
        assert_eq!(may_panic_on_air(&source("crates/tower/src/cli/x.rs", text)).len(), 0);
        let excused = "    // not on air: at start\n    a.unwrap();";
        assert_eq!(may_panic_on_air(&source("crates/signal/src/x.rs", excused)).len(), 0);
    }

    #[test]
    fn a_long_file_a_note_and_a_recording_are_found() {
        assert!(length(&source("a.rs", &"\n".repeat(401))).is_some());
        assert!(length(&source("a.rs", &"\n".repeat(400))).is_none());
        assert_eq!(unfinished(&source("a.rs", &format!("ok\n// {}", ["TO", "DO"].concat()))).len(), 1);
        assert_eq!(media(&["a/b.mp3".into(), "c.rs".into()]).len(), 1);
    }
}
