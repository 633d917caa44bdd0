//! Who may use whom: crates among each other, and the stages inside `signal`.

use super::Source;

/// Crates that know nothing of one another.
const INDEPENDENT: [&str; 4] = ["signal", "lame", "opus", "fanout"];

/// `signal`, `lame`, `opus` and `fanout` do not depend on each other, nor on the program.
pub(super) fn crates(sources: &[Source]) -> Vec<String> {
    let mut faults = Vec::new();
    for name in INDEPENDENT {
        let path = format!("crates/{name}/Cargo.toml");
        let Some(manifest) = sources.iter().find(|source| source.path == path) else {
            faults.push(format!("{path}: missing"));
            continue;
        };
        // Helpers of tests (`radio-proof`) are no part of the layering.
        let own = manifest.text.lines().filter(|line| line.starts_with("radio-") && !line.starts_with("radio-proof"));
        faults.extend(own.map(|line| format!("{path}: must stand alone, but has: {line}")));
    }
    faults
}

/// Inside `signal` a stage uses only stages before it, in the order of the layout in its `lib.rs`.
pub(super) fn signal(sources: &[Source]) -> Vec<String> {
    const FOLDER: &str = "crates/signal/src/";
    let Some(lib) = sources.iter().find(|source| source.path == format!("{FOLDER}lib.rs")) else {
        return vec![format!("{FOLDER}lib.rs: missing")];
    };
    let mut faults = Vec::new();
    if !lib.text.contains("#![forbid(unsafe_code)]") {
        faults.push(format!("{}: must forbid unsafe code", lib.path));
    }
    let order = layout(&lib.text);
    let declared = lib.text.lines().filter_map(|line| line.trim().rsplit("mod ").next()?.strip_suffix(';'));
    let unlisted = declared.filter(|name| !name.contains(' ') && !order.contains(name));
    faults.extend(unlisted.map(|name| format!("{}: module {name} is missing in the layout at its head", lib.path)));
    for source in sources.iter().filter(|source| source.path.starts_with(FOLDER) && source.path != lib.path) {
        let stage = source.path[FOLDER.len()..].split(['/', '.']).next().unwrap_or_default();
        let Some(place) = order.iter().position(|name| *name == stage) else {
            continue;
        };
        for (number, line) in source.text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            let used = line
                .split("crate::")
                .skip(1)
                .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next());
            for later in used.filter(|used| order[place + 1..].contains(used)) {
                faults.push(format!("{}:{}: {stage} uses {later}, which comes after it", source.path, number + 1));
            }
        }
    }
    faults
}

/// Module names in the order of the lines such as ``//! - [`units`], [`pcm`]: ...``.
fn layout(lib: &str) -> Vec<&str> {
    let lines = lib.lines().filter_map(|line| line.strip_prefix("//! - [`"));
    lines
        .flat_map(|line| line.split(':').next().unwrap_or_default().split(['`', ',', '[', ']', ' ']))
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIB: &str = "//! - [`units`], [`pcm`]: the tick.\n//! - [`router`]: on air.\n#![forbid(unsafe_code)]\npub mod pcm;\npub mod router;\npub mod units;\n";

    fn sources(pcm: &str) -> Vec<Source> {
        let source = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
        vec![source("crates/signal/src/lib.rs", LIB), source("crates/signal/src/pcm.rs", pcm)]
    }

    #[test]
    fn a_stage_may_use_one_before_it_and_none_after_it() {
        assert!(signal(&sources("use crate::units::Serial;")).is_empty());
        assert_eq!(signal(&sources("use crate::router::Router;")).len(), 1);
    }

    #[test]
    fn a_module_outside_the_layout_is_found() {
        let mut sources = sources("");
        sources[0].text.push_str("mod surprise;\n");
        assert_eq!(signal(&sources).len(), 1);
    }
}
