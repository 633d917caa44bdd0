//! The Debian packages that tests and benchmarks listen with: installed when root, named otherwise.

use anyhow::{Context, Result, bail};
use radio_proof::material;
use std::path::Path;
use std::process::Command;

/// What must be there, and the package that brings it.
const NEEDED: &[(&str, &str)] = &[
    ("ffmpeg", "ffmpeg"),
    ("sox", "sox"),
    ("flac", "flac"),
    ("oggenc", "vorbis-tools"),
    ("opusenc", "opus-tools"),
    ("lame", "lame"),
    ("wavpack", "wavpack"),
    ("twolame", "twolame"),
    ("mpg123", "mpg123"),
    ("curl", "curl"),
    // Root mounts without it.
    ("fusermount3", "fuse3"),
    ("espeak-ng", "espeak-ng"),
    ("ezstream", "ezstream"),
    ("ices2", "ices2"),
    ("darkice", "darkice"),
    ("arecord", "alsa-utils"),
    ("liquidsoap", "liquidsoap"),
    ("butt", "butt"),
    ("mixxx", "mixxx"),
    ("xdotool", "xdotool"),
    ("Xvfb", "xvfb"),
    ("pulseaudio", "pulseaudio"),
    ("pactl", "pulseaudio-utils"),
    ("/usr/share/doc/libasound2-plugins", "libasound2-plugins"),
    ("chromium", "chromium"),
    ("icecast2", "icecast2"),
    ("promtool", "prometheus"),
    ("/usr/sbin/nginx", "nginx-light"),
    ("caddy", "caddy"),
    ("/usr/sbin/haproxy", "haproxy"),
    ("mpv", "mpv"),
    ("cvlc", "vlc-bin"),
    ("/usr/share/doc/vlc-plugin-base", "vlc-plugin-base"),
    ("python3", "python3-minimal"),
    ("taskset", "util-linux"),
    ("java", "default-jre-headless"),
    ("npm", "npm"),
    (VENV, "python3-venv"),
    ("systemd-analyze", "systemd"),
    ("strace", "strace"),
    ("/usr/share/games/asc/music/frontiers.mp3", "asc-music"),
];

/// Stands for a Python that can make an environment of its own: no file says so.
const VENV: &str = "python3 -m venv";

fn present(needed: &str) -> bool {
    if needed == VENV {
        return Command::new("python3").args(["-c", "import ensurepip"]).output().is_ok_and(|it| it.status.success());
    }
    if needed.starts_with('/') { Path::new(needed).exists() } else { material::installed(needed) }
}

/// Installs what is missing, or says how to.
pub(crate) fn ensure() -> Result<()> {
    let missing: Vec<&str> = NEEDED.iter().filter(|(what, _)| !present(what)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.starts_with(b"0"));
    if !root || !material::installed("apt-get") {
        bail!("the tests need programs that are not installed here; on Debian: sudo apt-get install {list}");
    }
    println!("installing {list}");
    apt(&["update", "-q"])?;
    let mut install = vec!["install", "-q", "-y", "--no-install-recommends"];
    install.extend(&missing);
    apt(&install)
}

fn apt(arguments: &[&str]) -> Result<()> {
    let output = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .context("cannot run apt-get")?;
    if !output.status.success() {
        bail!("apt-get {arguments:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
