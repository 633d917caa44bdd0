//! The validators that the tests ask: pinned in `xtask/tools`, installed into `target/tools`, once per change of the pins.

use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Where the tests look for them.
const HOME: &str = "target/tools";

/// Where they are pinned: the folder's name and its files.
const PINS: [(&str, &[&str]); 2] = [("python", &["requirements.txt"]), ("npm", &["package.json", "package-lock.json"])];

/// A registry may be out of reach for a moment.
const TRIES: u32 = 3;
const BETWEEN_TRIES: Duration = Duration::from_secs(5);

/// Installs what is not there as it is pinned.
pub(crate) fn ensure() -> Result<()> {
    for (name, files) in PINS {
        let read = |file: &&str| std::fs::read_to_string(format!("xtask/tools/{file}"));
        let pins = files.iter().map(read).collect::<Result<String, _>>().context("xtask/tools cannot be read")?;
        let folder = Path::new(HOME).join(name);
        // Written last: a folder without it is half installed.
        let installed = folder.join("installed-pins");
        if std::fs::read_to_string(&installed).is_ok_and(|earlier| earlier == pins) {
            continue;
        }
        println!("installing the {name} tools into {}", folder.display());
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for file in files {
            std::fs::copy(format!("xtask/tools/{file}"), folder.join(file))?;
        }
        if name == "python" {
            python(&folder)?;
        } else {
            npm(&folder)?;
        }
        std::fs::write(&installed, pins)?;
    }
    Ok(())
}

fn python(folder: &Path) -> Result<()> {
    run("python3", &["-m", "venv", "."], folder, "apt-get install python3-venv")?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"];
    // A path with a slash is searched from here, not from the folder.
    let python = std::fs::canonicalize(folder)?.join("bin/python");
    patiently(|| run(&python.display().to_string(), &install, folder, "is the package index within reach?"))
}

fn npm(folder: &Path) -> Result<()> {
    // Their install scripts would fetch more; the files in the packages are enough.
    let install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    patiently(|| run("npm", &install, folder, "apt-get install npm; is its registry within reach?"))
}

fn patiently(mut work: impl FnMut() -> Result<()>) -> Result<()> {
    for _ in 1..TRIES {
        match work() {
            Ok(()) => return Ok(()),
            Err(error) => println!("{error:#}; once more"),
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
    work()
}

fn run(program: &str, arguments: &[&str], folder: &Path, remedy: &str) -> Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .with_context(|| format!("cannot run {program}: {remedy}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        bail!("{program} {}: {} ({remedy})\n{said}", arguments.join(" "), output.status);
    }
    Ok(())
}
