//! The real program: what it prints about its configuration, and that a bad one opens nothing (SPEC CFG-1, CFG-4).

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output};

fn tower(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tower"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("TOWER_")) {
        command.env_remove(name);
    }
    command
        .args(args)
        .current_dir(folder)
        .env("XDG_RUNTIME_DIR", folder)
        .env_remove("RUNTIME_DIRECTORY")
        .env("RUST_BACKTRACE", "1");
    command
}

fn run(folder: &Path, args: &[&str]) -> Output {
    tower(folder, args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn config_prints_a_tower_toml_with_the_origin_of_each_value() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tower.toml"), "[server]\nport = 8001\n[fallback]\ntone_dbfs = -20.1\n").unwrap();
    let mut command = tower(folder.path(), &["config", "--bitrate", "192"]);
    let printed = text(&command.env("TOWER_ADMIN_PASSWORD", "s3cret").output().unwrap().stdout);
    let line = |start: &str| {
        printed.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}\n{printed}"))
    };
    assert!(line("port = 8001 ").ends_with("# tower.toml:2"));
    assert!(line("tone_dbfs = -20.1 ").ends_with("# tower.toml:4"));
    assert!(line("bitrate_kbps = 192 ").ends_with("# --bitrate"));
    assert!(line("password = \"********\"").ends_with("# TOWER_ADMIN_PASSWORD"));
    assert!(line("host = ").ends_with("# default"));
    assert!(!printed.contains("s3cret") && !printed.contains('\u{1b}'));
    // What is printed is a configuration again, the same one.
    std::fs::write(folder.path().join("again.toml"), &printed).unwrap();
    let again = text(&run(folder.path(), &["config", "--config", "again.toml"]).stdout);
    let values = |text: &str| {
        text.lines().map(|line| line.split("  #").next().unwrap().trim_end().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(values(&again), values(&printed));
}

#[test]
fn config_as_json_has_values_origins_and_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let printed =
        text(&run(folder.path(), &["config", "--json", "--port", "8001", "--admin-password", "s3cret"]).stdout);
    assert!(!printed.contains("s3cret"));
    let json: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(json["config"]["server"]["port"], 8001);
    assert_eq!(json["origins"]["server.port"], serde_json::json!({"from": "flag", "flag": "--port"}));
    assert_eq!(json["origins"]["server.host"]["from"], "default");
}

#[test]
fn a_bad_configuration_is_exit_code_2_and_nothing_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tower.toml"), "[server]\nprot = 1\n").unwrap();
    for args in [&["serve"][..], &[], &["config"], &["feed", "x"], &["status"]] {
        let output = run(folder.path(), args);
        let said = text(&output.stderr);
        if args != ["feed", "x"] {
            assert!(
                said.contains("tower.toml:2:1: `server.prot`") && said.contains("did you mean `server.port`?"),
                "{said}"
            );
        }
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(!said.to_lowercase().contains("backtrace"), "{said}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["tower.toml"], "no socket, no runtime directory");
}

#[test]
fn wrong_flags_are_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["--no-such-flag"][..], &["config", "--set", "noequals"], &["config", "--port", "http"]] {
        assert_eq!(run(folder.path(), args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn status_without_a_tower_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["status", "--port", "8123"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("no tower answers at") && said.contains("tower-8123.sock") && said.contains("tower serve"),
        "{said}"
    );
    drop(UnixListener::bind(folder.path().join("radio-tower/tower-8124.sock")).unwrap());
    assert!(text(&run(folder.path(), &["status", "--port", "8123"]).stderr).contains("port 8124"));
}

#[test]
fn status_asks_over_the_socket_and_shows_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("admin.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let body = r#"{"version":"0.1.0","on_air":{"source":"tone"}}"#;
    let server = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            assert!(head.starts_with(b"GET /status HTTP/1.1\r\n"));
            // In two pieces, and the connection left open: Content-Length counts.
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let (a, b) = answer.as_bytes().split_at(30);
            stream.write_all(a).unwrap();
            stream.write_all(b).unwrap();
            let _ = stream.read(&mut [0]);
        }
    });
    let set = format!("server.admin_socket={}", socket.display());
    let shown = text(&run(folder.path(), &["status", "--set", &set]).stdout);
    assert!(shown.contains("Radio Tower 0.1.0") && shown.contains("on air     tone"), "{shown}");
    assert_eq!(text(&run(folder.path(), &["status", "--json", "--set", &set]).stdout).trim(), body);
    server.join().unwrap();
}

#[test]
fn doctor_reports_a_bad_configuration_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("tower.toml"), "[server]\nprot = 1\n").unwrap();
    let output = run(folder.path(), &["doctor", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let findings: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    let checks: Vec<&str> = findings.iter().filter_map(|finding| finding["check"].as_str()).collect();
    for check in [
        "configuration",
        "builtin encoder",
        "ffmpeg",
        "real-time priority",
        "encoder priority",
        "processor time",
        "open files",
        "runtime directory",
        "port",
        "station socket",
        "clock source",
        "memory",
    ] {
        assert!(checks.contains(&check), "{check} is missing in {checks:?}");
    }
    assert_eq!(findings[0]["verdict"], "problem");
}

#[test]
fn media_that_is_not_there_is_an_error_of_config_and_doctor_and_a_tilde_is_home() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("Music")).unwrap();
    std::fs::write(folder.path().join("Music/a.mp3"), b"x").unwrap();
    std::fs::write(folder.path().join("list.m3u"), "Music\\a.mp3\nhttp://radio.example/stream\n").unwrap();
    let configured = "[play]\npaths = [\"~/Music\", \"list.m3u\"]\n";
    let said = |command: &str, text_of_file: &str| {
        std::fs::write(folder.path().join("tower.toml"), text_of_file).unwrap();
        let output = tower(folder.path(), &[command]).env("HOME", folder.path()).output().unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (code, printed, errors) = said("config", configured);
    assert_eq!(code, Some(0), "{errors}");
    let home = folder.path().display().to_string();
    assert!(printed.contains(&format!("paths = [\"{home}/Music\", \"list.m3u\"]")), "{printed}");
    let (_, report, _) = said("doctor", configured);
    assert!(report.contains(&format!("1 audio files in {home}/Music")), "{report}");
    assert!(report.contains("entry 2: \"http://radio.example/stream\" is the address of a stream"), "{report}");

    let wrong = "[play]\npaths = [\"~/Music\", \"~/Musik\"]\n[fallback]\npaths = [\"gone.mp3\"]\n";
    let (code, printed, errors) = said("config", wrong);
    assert_eq!(code, Some(2));
    assert!(printed.contains("Musik"), "what is in force is printed all the same: {printed}");
    assert!(errors.contains(&format!("tower.toml:2:9: there is nothing at {home}/Musik (`play.paths`)")), "{errors}");
    assert!(errors.contains("tower.toml:4:9: there is nothing at gone.mp3 (`fallback.paths`)"), "{errors}");
    let (code, report, _) = said("doctor", wrong);
    assert_eq!(code, Some(1));
    assert!(report.contains(&format!("{home}/Musik: No such file or directory")), "{report}");
}
