//! Who may use whom: crates among each other, and the stages inside `signal`.

use super::Source;
use std::collections::BTreeMap;

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

/// Crates whose modules have an order, which the layout at the head of their `lib.rs` states.
pub(super) const ORDERED: [&str; 9] =
    ["signal", "fanout", "base", "config", "decode", "encoder", "tower", "proof", "load"];

/// Inside a crate a module uses only those before it in the layout at the head of its `lib.rs`, tests apart.
pub(super) fn modules(sources: &[Source]) -> Vec<String> {
    ORDERED.iter().flat_map(|name| modules_of(&format!("crates/{name}/src/"), sources)).collect()
}

/// `signal` is safe Rust.
pub(super) fn signal(sources: &[Source]) -> Vec<String> {
    let path = "crates/signal/src/lib.rs";
    let is_safe = |source: &Source| source.path == path && source.text.contains("#![forbid(unsafe_code)]");
    if sources.iter().any(is_safe) { Vec::new() } else { vec![format!("{path}: must forbid unsafe code")] }
}

pub(super) fn modules_of(folder: &str, sources: &[Source]) -> Vec<String> {
    let Some(lib) = sources.iter().find(|source| source.path == format!("{folder}lib.rs")) else {
        return vec![format!("{folder}lib.rs: missing")];
    };
    let declared = declared(&lib.text);
    let order = layout(&lib.text, &declared);
    let unlisted = declared.iter().filter(|name| !order.contains(name));
    let unlisted = unlisted.map(|name| format!("{}: module {name} is missing in the layout at its head", lib.path));
    let mut faults: Vec<String> = unlisted.collect();
    for Use { path, line, module, used } in each_use(folder, sources) {
        let place = |name: &str| order.iter().position(|listed| *listed == name);
        if let (Some(place), Some(of_used)) = (place(module), place(used))
            && of_used > place
        {
            faults.push(format!("{path}:{line}: {module} uses {used}, which comes after it"));
        }
    }
    faults
}

/// Which modules each module of a crate uses.
pub(super) fn uses(folder: &str, sources: &[Source]) -> BTreeMap<String, Vec<String>> {
    let lib = sources.iter().find(|source| source.path == format!("{folder}lib.rs"));
    let declared = lib.map(|lib| declared(&lib.text)).unwrap_or_default();
    let mut uses: BTreeMap<String, Vec<String>> =
        declared.iter().map(|name| ((*name).to_owned(), Vec::new())).collect();
    for Use { module, used, .. } in each_use(folder, sources) {
        if let Some(all) = uses.get_mut(module).filter(|_| declared.contains(&used) && used != module) {
            all.push(used.to_owned());
        }
    }
    uses
}

/// A line in which a module names another.
struct Use<'a> {
    path: &'a str,
    line: usize,
    module: &'a str,
    used: &'a str,
}

fn each_use<'a>(folder: &str, sources: &'a [Source]) -> Vec<Use<'a>> {
    let mut all = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with(folder) && !is_test(&source.path)) {
        let within = &source.path[folder.len()..];
        let module = within.split(['/', '.']).next().unwrap_or_default();
        for (number, line) in without_tests(&source.text).lines().enumerate() {
            let used = used(line, root_from(within));
            all.extend(used.map(|used| Use { path: &source.path, line: number + 1, module, used }));
        }
    }
    all
}

/// The modules that a `lib.rs` declares.
fn declared(lib: &str) -> Vec<&str> {
    let modules = lib.lines().filter_map(|line| line.strip_suffix(';')?.trim().rsplit_once("mod "));
    modules.filter(|(before, _)| before.is_empty() || before.starts_with("pub")).map(|(_, name)| name).collect()
}

/// Those in the order in which the lines of the layout name them: ``//! - [`units`], `pcm`: ...``.
fn layout<'a>(lib: &'a str, declared: &[&str]) -> Vec<&'a str> {
    let head =
        lib.lines().skip_while(|line| !line.starts_with("//! # Layout")).take_while(|line| line.starts_with("//!"));
    let named = head.flat_map(|line| line.split('`').skip(1).step_by(2)).map(|name| name.trim_start_matches("mod@"));
    let mut order = Vec::new();
    for name in named.filter(|name| declared.contains(name)) {
        if !order.contains(&name) {
            order.push(name);
        }
    }
    order
}

/// How the code of a file may name the root of its crate beside `crate`.
fn root_from(within: &str) -> &'static str {
    match (within.matches('/').count(), within.ends_with("/mod.rs")) {
        (0, _) | (1, true) => "super::",
        (1, false) | (2, true) => "super::super::",
        _ => "crate::",
    }
}

/// The modules that a line of code names by their path from the root of the crate.
fn used<'a>(line: &'a str, root: &'static str) -> impl Iterator<Item = &'a str> {
    let code = if line.trim_start().starts_with("//") { "" } else { line };
    let behind = |path: &'static str| code.split(path).skip(1);
    let names = behind("crate::").chain(behind(root).filter(|rest| !rest.starts_with("super::")));
    names.filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next())
}

/// Whether a file holds nothing but tests.
fn is_test(path: &str) -> bool {
    path.ends_with("_tests.rs")
        || path.ends_with("/tests.rs")
        || ["/tests/", "/simulation/"].iter().any(|part| path.contains(part))
}

/// The code before the tests of a file, which come last.
fn without_tests(text: &str) -> &str {
    let tests = text.find("#[cfg(test)]\nmod tests {");
    &text[..tests.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIB: &str = "//! # Layout\n//! - [`units`], `pcm`: the tick of [`units`].\n//! - [`router`]: on air.\n\nmod pcm;\npub mod router;\npub(crate) mod units;\n";

    fn faults(pcm: &str, more: &str) -> Vec<String> {
        let source = |path: &str, text: &str| Source { path: path.into(), text: text.into() };
        let lib = format!("{LIB}{more}");
        modules_of("crates/a/src/", &[source("crates/a/src/lib.rs", &lib), source("crates/a/src/pcm/mod.rs", pcm)])
    }

    #[test]
    fn a_module_may_use_one_before_it_and_none_after_it() {
        assert_eq!(faults("use crate::units::Serial;", ""), [""; 0]);
        assert_eq!(
            faults("\n    crate::router::run();", ""),
            ["crates/a/src/pcm/mod.rs:2: pcm uses router, which comes after it"]
        );
        assert_eq!(faults("use super::router::Router;", "").len(), 1);
        let in_tests = "/// As [`crate::router`].\n#[cfg(test)]\nmod tests {\n    use crate::router::Router;\n}\n";
        assert_eq!(faults(in_tests, ""), [""; 0]);
    }

    #[test]
    fn a_module_outside_the_layout_is_found() {
        let told = ["crates/a/src/lib.rs: module surprise is missing in the layout at its head"];
        assert_eq!(faults("", "mod surprise;\n"), told);
    }
}
