//! What an entry of a list says to the file that it means.
//!
//! As it is written first. Then as the programs write that made the list: `\` for `/`,
//! percent-encoded, in a charset of Windows, a `file:` URL, the path of another machine. Last, as
//! systems mean it to which large and small letters are the same, and which decompose letters.

use encoding_rs::Encoding;
use percent_encoding::percent_decode;
use radio_base::text::charset::likely;
use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use unicode_normalization::UnicodeNormalization;

/// Parts of a path that are looked at.
const PARTS_MAX: usize = 64;
/// Bytes of a path, as the system has it.
const PATH_BYTES_MAX: usize = 4096;
/// Folders above that of the list in which a path of Windows is looked for.
const ABOVE_MAX: usize = 2;
/// Names of files that are remembered to compare with, in all folders of one list.
const NAMES_MAX: usize = 200_000;

/// Finds the files of one list.
pub(crate) struct Resolver<'a> {
    folder: &'a Path,
    /// By folder and folded name.
    names: HashMap<PathBuf, HashMap<String, OsString>>,
    names_left: usize,
}

/// A path that an entry may mean.
struct Form {
    path: Vec<u8>,
    /// A path of Windows: where its drive or share is here is not known.
    is_foreign: bool,
}

impl<'a> Resolver<'a> {
    /// For a list that lies in `folder`.
    pub(crate) fn new(folder: &'a Path) -> Self {
        Self { folder, names: HashMap::new(), names_left: NAMES_MAX }
    }

    /// The file or folder that `location` means.
    ///
    /// # Errors
    /// Why it is of no use.
    pub(crate) fn resolve(&mut self, location: &[u8]) -> Result<PathBuf, String> {
        let forms = forms(location)?;
        let mut denied = None;
        for form in &forms {
            for path in self.places(form) {
                match std::fs::metadata(&path) {
                    Ok(_) => return Ok(path),
                    Err(error) if error.kind() == ErrorKind::PermissionDenied => denied = Some(path),
                    Err(_) => {}
                }
            }
        }
        // Opening it tells which permission is missing.
        if let Some(path) = denied {
            return Ok(path);
        }
        let places: Vec<PathBuf> = forms.iter().flat_map(|form| self.places(form)).collect();
        places.iter().find_map(|path| self.in_other_letters(path)).ok_or_else(|| "is not there".to_owned())
    }

    /// Where a form of an entry may lie, the likeliest first.
    fn places(&self, form: &Form) -> Vec<PathBuf> {
        let path = Path::new(OsStr::from_bytes(&form.path));
        if !form.is_foreign {
            return vec![self.folder.join(path)];
        }
        let parts: Vec<&OsStr> = path.iter().filter(|part| *part != "/" && *part != "..").collect();
        let above: Vec<&Path> = self.folder.ancestors().take(1 + ABOVE_MAX).collect();
        let mut places = Vec::new();
        for from in 0..parts.len() {
            let rest: PathBuf = parts[from..].iter().collect();
            // A bare name is too little to find a file elsewhere.
            let bases = if parts.len() - from > 1 { &above[..] } else { &above[..1] };
            places.extend(bases.iter().map(|base| base.join(&rest)));
        }
        places
    }

    /// `path` as it is written on this system, if small and large letters are the same, and
    /// composed and decomposed ones.
    fn in_other_letters(&mut self, path: &Path) -> Option<PathBuf> {
        let mut found = PathBuf::new();
        for part in path.components() {
            let exact = found.join(part);
            if !matches!(part, Component::Normal(_)) || exact.symlink_metadata().is_ok() {
                found = exact;
                continue;
            }
            let folder = if found.as_os_str().is_empty() { Path::new(".") } else { found.as_path() };
            let name = self.names(folder)?.get(&folded(part.as_os_str()))?.clone();
            found.push(name);
        }
        found.metadata().is_ok().then_some(found)
    }

    fn names(&mut self, folder: &Path) -> Option<&HashMap<String, OsString>> {
        if !self.names.contains_key(folder) {
            let entries = std::fs::read_dir(folder).ok()?.flatten().take(self.names_left);
            let names: HashMap<_, _> = entries.map(|entry| (folded(&entry.file_name()), entry.file_name())).collect();
            self.names_left -= names.len();
            self.names.insert(folder.into(), names);
        }
        self.names.get(folder)
    }
}

fn folded(name: &OsStr) -> String {
    name.to_string_lossy().to_lowercase().nfc().collect()
}

/// All that `location` may mean, as it is written first.
fn forms(location: &[u8]) -> Result<Vec<Form>, String> {
    let location = location.strip_suffix(b"\0").unwrap_or(location);
    if location.len() > PATH_BYTES_MAX || location.contains(&0) {
        return Err("is no path".into());
    }
    let mut written = vec![location];
    let trimmed = location.trim_ascii();
    let bare = trimmed.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(trimmed);
    written.extend([trimmed, bare]);
    let mut forms: Vec<Form> = Vec::new();
    for written in written {
        match scheme(written) {
            Some(name) if name.eq_ignore_ascii_case("file") => file_url(&written[5..], &mut forms),
            Some(_) if written.windows(3).any(|part| part == b"://") => {
                return Err("is the address of a stream, not a file; pull it with an [[input]] of kind \"url\"".into());
            }
            _ => add(written, &mut forms),
        }
    }
    forms.retain(|form| Path::new(OsStr::from_bytes(&form.path)).iter().count() <= PARTS_MAX);
    Ok(forms)
}

/// `http` of `http://...`. A single letter is a drive.
fn scheme(location: &[u8]) -> Option<&str> {
    let colon = location.iter().position(|&byte| byte == b':').filter(|&colon| colon > 1)?;
    let name = std::str::from_utf8(&location[..colon]).ok()?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_name.then_some(name)
}

/// What follows `file:`: a path, or a host and a path.
fn file_url(rest: &[u8], forms: &mut Vec<Form>) {
    let Some(behind) = rest.strip_prefix(b"//") else { return add(rest, forms) };
    let (host, path) = behind.split_at(behind.iter().position(|&byte| byte == b'/').unwrap_or(behind.len()));
    // `file:///C:/...` and `file://C:\...`
    let unslashed = path.strip_prefix(b"/").unwrap_or(path);
    if has_drive(unslashed) {
        add(unslashed, forms);
    } else if has_drive(host) || path.is_empty() {
        add(behind, forms);
    } else {
        add(path, forms);
        if !host.is_empty() {
            // A share of another machine, which may be mounted here.
            let foreign = forms.iter().filter(|form| form.path.starts_with(b"/"));
            let foreign: Vec<Form> = foreign.map(|form| Form { path: form.path.clone(), is_foreign: true }).collect();
            forms.extend(foreign);
        }
    }
}

fn has_drive(path: &[u8]) -> bool {
    matches!(path, [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// A path in all its spellings: as it is, with `/` for `\`, each percent-decoded, each from the
/// charsets of Windows: which one it is shows when the file is there.
fn add(written: &[u8], forms: &mut Vec<Form>) {
    let slashed: Vec<u8> = written.iter().map(|&byte| if byte == b'\\' { b'/' } else { byte }).collect();
    let decoded = |path: &[u8]| Cow::from(percent_decode(path)).into_owned();
    let mut all = vec![written.to_vec(), decoded(written), slashed.clone(), decoded(&slashed)];
    let in_charsets = |path: &Vec<u8>| -> Vec<Vec<u8>> {
        if std::str::from_utf8(path).is_ok() {
            return Vec::new();
        }
        let read = |encoding: &'static Encoding| encoding.decode_without_bom_handling_and_without_replacement(path);
        // Only as text: half a Japanese letter may look like a `\`.
        let text = likely(path).filter_map(read).map(|text| text.replace('\\', "/").into_bytes());
        text.collect()
    };
    all.extend(all[..2].iter().flat_map(in_charsets).collect::<Vec<_>>());
    for path in all {
        if path.is_empty() || path.contains(&0) || forms.iter().any(|form| form.path == path) {
            continue;
        }
        let behind = if has_drive(&path) { Some(&path[2..]) } else { None };
        let is_share = path.starts_with(b"//");
        let is_rooted = written.starts_with(b"\\") && path.starts_with(b"/");
        if let Some(rest) =
            behind.or((is_share || is_rooted).then_some(&path[..])).filter(|rest| !rest.contains(&b'\\'))
        {
            forms.push(Form { path: rest.to_vec(), is_foreign: true });
        }
        // A file here may have such a name.
        forms.push(Form { path, is_foreign: false });
    }
}

/// A path for a message.
pub(crate) fn shown(location: &[u8]) -> String {
    OsString::from_vec(location.trim_ascii().to_vec())
        .to_string_lossy()
        .chars()
        .filter(|c| !radio_base::text::is_control(*c))
        .collect()
}
