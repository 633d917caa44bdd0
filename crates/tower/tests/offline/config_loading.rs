//! Layers, origins and errors of the configuration (SPEC CFG-1, CFG-5, ENC-12).

use radio_config::{
    Config, ConfigError, ENV_VARIABLES, EncoderKind, Given, Loaded, Origin, Output, Setting, Sources, load, validate,
};
use std::path::Path;

fn sources(file: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> (tempfile::TempDir, Sources) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tower.toml");
    std::fs::write(&path, file).unwrap();
    let flag = |(key, value): &(&str, &str)| Setting {
        key: (*key).into(),
        given: Given::Toml((*value).into()),
        origin: Origin::Flag { flag: format!("--set {key}") },
    };
    let environment = env.iter().map(|(name, value)| (name.into(), value.into())).collect();
    let flags = flags.iter().map(flag).collect();
    (folder, Sources { config_flag: None, default_file: path, environment, flags })
}

fn loaded(file: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let (_folder, sources) = sources(file, env, flags);
    load(&sources)
}

/// The one thing that is wrong, without the folder in which the file lies.
fn the_problem(file: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> String {
    let (folder, sources) = sources(file, env, flags);
    let error = load(&sources).expect_err("this should not be good");
    assert_eq!(error.problems.len(), 1, "{error}");
    error.problems[0].to_string().replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn with_no_configuration_there_are_defaults_and_one_output() {
    let sources = Sources {
        config_flag: None,
        default_file: "/nowhere/tower.toml".into(),
        environment: Vec::new(),
        flags: Vec::new(),
    };
    let loaded = load(&sources).unwrap();
    assert_eq!(loaded.config, Config { output: vec![Output::default()], ..Config::default() });
    assert!(loaded.origins.is_empty() && loaded.file.is_none());
    assert_eq!(validate(&loaded.config), []);
}

#[test]
fn flags_are_over_environment_over_file_over_defaults() {
    let file = "[server]\nport = 8001\nlisteners_max = 11\n[station]\npreroll_ticks = 3\n";
    let env = [("TOWER_PORT", "8002"), ("TOWER_MAX_CLIENTS", "12")];
    let Loaded { config, origins, .. } = loaded(file, &env, &[("server.port", "8003")]).unwrap();
    assert_eq!((config.server.port, config.server.listeners_max), (8003, 12));
    assert_eq!((config.station.preroll_ticks, config.station.capacity_ticks), (3, 100));
    assert_eq!(origins["server.port"], Origin::Flag { flag: "--set server.port".into() });
    assert_eq!(origins["server.listeners_max"], Origin::Env { variable: "TOWER_MAX_CLIENTS".into() });
    assert!(matches!(&origins["station.preroll_ticks"], Origin::File { line: 5, column: 17, .. }), "{origins:?}");
    assert!(!origins.contains_key("station.capacity_ticks"));
}

#[test]
fn the_flag_names_the_file_before_the_environment_does() {
    let (folder, mut sources) = sources("[server]\nport = 1\n", &[], &[]);
    let named = |name: &str, port: u16| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("[server]\nport = {port}\n")).unwrap();
        path
    };
    let (by_env, by_flag) = (named("env.toml", 2), named("flag.toml", 3));
    sources.environment = vec![("TOWER_CONFIG".into(), by_env.into_os_string())];
    assert_eq!(load(&sources).unwrap().config.server.port, 2);
    sources.config_flag = Some(by_flag);
    assert_eq!(load(&sources).unwrap().config.server.port, 3);
    sources.config_flag = Some("/nowhere/tower.toml".into());
    assert!(load(&sources).unwrap_err().to_string().contains("/nowhere/tower.toml:1:1: cannot be read"));
}

#[test]
fn the_reference_environment_means_what_it_meant() {
    let env = [
        ("TOWER_HOST", "0.0.0.0"),
        ("TOWER_PORT", "9000"),
        ("TOWER_PCM_SOCKET_PATH", "/run/retrowaves/pcm.sock"),
        ("TOWER_MP3_BUFFER_CAPACITY_FRAMES", "300"),
        ("TOWER_ENCODER_STALL_THRESHOLD_MS", "1500"),
        ("TOWER_ENCODER_BACKOFF_MS", "10, 20,30"),
        ("TOWER_ENCODER_MAX_RESTARTS", "3"),
        ("TOWER_PCM_GRACE_SEC", "2.5"),
        ("TOWER_SILENCE_MP3_PATH", "/srv/a, b.mp3"),
        ("TOWER_RECOVERY_RETRY_MINUTES", "7"),
        ("TOWER_MAX_CLIENTS", "50"),
        ("TOWER_ENCODER_ENABLED", "0"),
        ("TOWER_ADMIN_PASSWORD", "1234"),
        ("TOWER_LOG", "debug"),
    ];
    assert_eq!(env.len(), ENV_VARIABLES.len());
    let Loaded { config, origins, warnings, .. } = loaded("", &env, &[]).unwrap();
    assert_eq!((config.server.host.to_string().as_str(), config.server.port), ("0.0.0.0", 9000));
    assert_eq!(config.station.socket, Path::new("/run/retrowaves/pcm.sock"));
    assert_eq!((config.encoder.buffer_frames, config.encoder.stall_threshold_ms), (300, 1500));
    assert_eq!((config.encoder.backoff_ms, config.encoder.max_restarts), (vec![10, 20, 30], 3));
    assert_eq!((config.router.grace_ms, config.fallback.paths), (2500, vec!["/srv/a, b.mp3".into()]));
    assert_eq!((config.encoder.recovery_retry_minutes, config.server.listeners_max), (7, 50));
    assert_eq!(
        (config.encoder.enabled, config.admin.password.as_str(), config.log.level.as_str()),
        (false, "1234", "debug")
    );
    assert_eq!((origins.len(), warnings.len()), (env.len(), 0));
}

#[test]
fn a_variable_set_to_nothing_is_not_set_and_an_unknown_one_is_a_warning() {
    let loaded = loaded("", &[("TOWER_PORT", ""), ("TOWER_PROT", "1"), ("PORT", "1")], &[]).unwrap();
    assert_eq!(loaded.config.server.port, 8000);
    assert_eq!(loaded.warnings, ["environment variable TOWER_PROT is not read; did you mean TOWER_PORT?"]);
}

#[test]
fn an_unknown_key_is_told_with_its_place_and_what_was_meant() {
    assert_eq!(
        the_problem("[server]\n\n  prot = 1\n", &[], &[]),
        "tower.toml:3:3: `server.prot` is not a key of the configuration; did you mean `server.port`?"
    );
    assert!(the_problem("port = 1\n", &[], &[]).contains("did you mean `server.port`?"));
    assert!(the_problem("[output]\nmount = \"/a\"\n", &[], &[]).ends_with("write [[output]]"));
    assert!(the_problem("server = 3\n", &[], &[]).contains("write [server]"));
    let whole = the_problem("", &[], &[("input", "[{ mount = \"/live\" }]")]);
    assert!(whole.starts_with("flag --set input: `input` has keys of its own: set one"), "{whole}");
    assert!(the_problem("", &[], &[("station.sokcet", "x")]).starts_with("flag --set station.sokcet: "));
}

#[test]
fn a_bad_value_is_told_with_its_place_and_what_is_valid() {
    assert_eq!(
        the_problem("[server]\nport = 70000\n", &[], &[]),
        "tower.toml:2:8: `server.port` cannot be `70000`; valid is a TCP port, 0 to 65535"
    );
    assert_eq!(
        the_problem("[station]\nwhen_full = \"drp\"\n", &[], &[]),
        "tower.toml:2:13: `station.when_full` cannot be `\"drp\"`; valid is \"drop\" or \"wait\"; did you mean \"drop\"?"
    );
    assert_eq!(
        the_problem("[[output]]\n[[output]]\nmount=\"/b\"\nbitrate_kbps = 130\n", &[], &[]).split(" (").next(),
        Some("tower.toml:4:16: `output.1.bitrate_kbps` cannot be 130; the nearest bitrate of MPEG-1 Layer III is 128")
    );
    assert_eq!(
        the_problem("[[output]]\ncodec = \"opus\"\nencoder = \"ffmpeg\"\nchannels = 1\nbitrate_kbps = 257\n", &[], &[]),
        "tower.toml:5:16: `output.0.bitrate_kbps` cannot be 257; with Opus in mono it is 16 to 256"
    );
    assert!(the_problem("[server\n", &[], &[]).starts_with("tower.toml:1:8: not TOML: "));
}

#[test]
fn a_bad_variable_is_named() {
    assert_eq!(
        the_problem("", &[("TOWER_PORT", "http")], &[]),
        "environment variable TOWER_PORT: `server.port` cannot be `http`; valid is a TCP port, 0 to 65535"
    );
    for (name, value) in [("TOWER_PCM_GRACE_SEC", "-1"), ("TOWER_PCM_GRACE_SEC", "NaN"), ("TOWER_ENCODER_ENABLED", "2")]
    {
        assert!(the_problem("", &[(name, value)], &[]).starts_with(&format!("environment variable {name}: ")));
    }
}

#[test]
fn a_bad_password_is_not_repeated() {
    let problem = the_problem("[admin]\npassword = 4711\n", &[], &[]);
    assert!(!problem.contains("4711"), "{problem}");
}

#[test]
fn all_problems_are_told_at_once() {
    let file = "[server]\nprot = 1\nport = \"x\"\n[router]\nfade_ms = 0\n[[output]]\nmount = \"status\"\n";
    let error = loaded(file, &[("TOWER_MAX_CLIENTS", "none")], &[("log.format", "xml")]).unwrap_err();
    assert_eq!(error.problems.len(), 6, "{error}");
    assert!(error.to_string().starts_with("the configuration has 6 problems, nothing was started\n"));
}

#[test]
fn the_playout_delay_must_fit_the_buffer_and_the_error_names_the_largest() {
    // 200 frames less 41 ticks of hold less 2: 157 ticks, 3768 ms (SPEC ENC-12).
    let delay = |ms: u64| format!("[[output]]\nplayout_delay_ms = {ms}\n");
    assert!(loaded(&delay(3768), &[], &[]).is_ok());
    assert!(loaded(&delay(3791), &[], &[]).is_ok(), "3791 ms are 157 ticks too");
    let problem = the_problem(&delay(3792), &[], &[]);
    assert!(problem.starts_with("tower.toml:2:20: `output.0.playout_delay_ms` is 3792 ms"), "{problem}");
    assert!(problem.ends_with("the largest that fits is 3768 ms"), "{problem}");
    let problem = the_problem("[encoder]\nbuffer_frames = 44\n", &[], &[]);
    assert!(problem.contains("make it 63 at least"), "{problem}");
}

#[test]
fn the_smallest_playout_delay_depends_on_the_encoder() {
    let output = |encoder: &str, ms: u64| format!("[[output]]\nencoder = \"{encoder}\"\nplayout_delay_ms = {ms}\n");
    assert!(loaded(&output("builtin", 48), &[], &[]).is_ok());
    assert!(loaded(&output("ffmpeg", 72), &[], &[]).is_ok());
    assert!(the_problem(&output("builtin", 47), &[], &[]).contains("at least 2 ticks, 48 ms"));
    assert!(the_problem(&output("ffmpeg", 71), &[], &[]).contains("at least 3 ticks, 72 ms"));
}

#[test]
fn mounts_are_unique_and_leave_the_tower_its_pages() {
    let mounts = |a: &str, b: &str| format!("[[output]]\nmount = \"{a}\"\n[[output]]\nmount = \"{b}\"\n");
    assert!(loaded(&mounts("/a", "/statusquo"), &[], &[]).is_ok());
    for bad in [
        "/a",
        "/a.mp3",
        "/",
        "/status",
        "/admin",
        "/admin/x",
        "/api/v1",
        "/tower/buffer",
        "/healthz",
        "b",
        "/b c",
        "/../b",
        "/b.m3u",
    ] {
        let problem = the_problem(&mounts("/a", bad), &[], &[]);
        assert!(problem.starts_with("tower.toml:4:9: `output.1.mount` = "), "{bad}: {problem}");
    }
    let outputs = |count| (0..count).map(|i| format!("[[output]]\nmount = \"/{i}\"\n")).collect::<String>();
    assert_eq!(loaded(&outputs(8), &[], &[]).unwrap().config.output.len(), 8);
    let problem = the_problem(&outputs(9), &[], &[]);
    assert!(problem.contains("9 outputs are too many, at most 8; take out 1"), "{problem}");
}

#[test]
fn rules_between_values_and_ranges_hold_for_every_layer() {
    for (key, value) in [
        ("station.preroll_ticks", "100"),
        ("station.producers_max", "0"),
        ("router.fade_ms", "10001"),
        ("fallback.tone_dbfs", "1.0"),
        ("fallback.tone_dbfs", "nan"),
        ("encoder.backoff_ms", "[]"),
        ("output.0.name", "\"a\\r\\nb\""),
        ("log.level", "info=="),
    ] {
        let problem = the_problem("", &[], &[(key, value)]);
        assert!(problem.starts_with(&format!("flag --set {key}: `{key}`")), "{problem}");
    }
    assert!(loaded("", &[], &[("station.preroll_ticks", "99")]).is_ok());
}

#[test]
fn set_takes_plain_words_and_toml_and_adds_the_next_output() {
    let flags = [
        ("output.0.name", "My Radio"),
        ("play.paths", "[\"a\", \"b\"]"),
        ("encoder.backoff_ms", "1,2"),
        ("output.1.mount", "/low"),
    ];
    let config = loaded("[[output]]\n", &[], &flags).unwrap().config;
    assert_eq!((config.output.len(), config.output[0].name.as_str()), (2, "My Radio"));
    assert_eq!((config.play.paths.len(), config.encoder.backoff_ms), (2, vec![1, 2]));
    assert!(the_problem("", &[], &[("output.2.mount", "/x")]).contains("counted from 0"));
    assert!(the_problem("", &[], &[("output.99999999999.mount", "/x")]).contains("at most 8"));
}

#[test]
fn an_input_has_the_keys_of_its_kind_and_no_others() {
    let tcp = "[[input]]\nname = \"a\"\nkind = \"pcm_tcp\"\n";
    let list = "[[input]]\nname = \"b\"\nkind = \"playlist\"\npaths = [\"/srv/music\"]\n";
    let url = "[[input]]\nname = \"c\"\nkind = \"url\"\nurl = \"http://host:8000/x\"\n";
    let config = loaded(&[tcp, list, url].concat(), &[], &[]).unwrap().config;
    let priorities: Vec<i32> = config.input.iter().map(radio_config::Input::priority).collect();
    assert_eq!(priorities, [30, 10, 30]);
    assert!(config.input[0].address.ip().is_loopback(), "it has no password");
    let problem = |text: &str| the_problem(text, &[], &[]);
    assert!(problem(&format!("{tcp}mount = \"/x\"")).contains("means nothing with kind = \"pcm_tcp\""));
    assert!(problem(&format!("{list}password = \"p\"")).contains("it is for \"icecast\" and \"url\""));
    assert!(problem(&[tcp, &tcp.replace("\"a\"", "\"d\"")].concat()).contains("is taken by input 0"));
    assert!(problem("[[input]]\nkind = \"playlist\"").contains("`input.0.paths` is empty"));
    assert!(problem("[[input]]\nkind = \"url\"\nurl = \"http://me:pw@host/\"").contains("cannot have a user"));
    assert!(problem(&format!("{list}gain_db = 21.0")).contains("valid is a gain in dB, -60 to 20"));
}

#[test]
fn an_input_has_a_name_a_mount_and_a_password_of_its_own() {
    let good = "[[input]]\nname = \"dj\"\npassword = \"p\"\n[[input]]\nname = \"studio\"\nmount = \"/stream\"\npassword = \"q\"";
    assert_eq!(loaded(good, &[], &[("input.1.priority", "50")]).unwrap().config.input[1].priority, Some(50));
    let problem = |lines: &str| the_problem(&format!("{good}\n[[input]]\n{lines}"), &[], &[]);
    assert!(problem("mount = \"/x\"").contains("`input.2.password` must be given"), "whoever knows it can go on air");
    assert!(problem("name = \"station\"\nmount = \"/x\"\npassword = \"r\"").contains("the tower uses that itself"));
    assert!(problem("name = \"dj\"\nmount = \"/x\"\npassword = \"r\"").contains("input 0 has that name"));
    assert!(problem("mount = \"/stream\"\npassword = \"r\"").contains("is taken by input 1"));
    assert!(problem("mount = \"/x\"\npassword = \"r\"\nuser = \"a:b\"").contains("colon"));
    assert!(problem("mount = \"/x\"\npassword = \"r\"\npreroll_ticks = 250").contains("at most 249 here"));
}

#[test]
fn a_codec_alone_takes_the_builtin_encoder_and_aac_takes_ffmpeg() {
    for (codec, encoder) in
        [("mp3", EncoderKind::Builtin), ("opus", EncoderKind::Builtin), ("aac", EncoderKind::Ffmpeg)]
    {
        let loaded = loaded(&format!("[[output]]\ncodec = {codec:?}\n"), &[], &[]).expect("a good configuration");
        assert_eq!(loaded.config.output[0].encoder, encoder, "{codec}");
        assert_eq!(loaded.origin("output.0.encoder"), &Origin::Default);
    }
    let problem = the_problem("[[output]]\ncodec = \"aac\"\nencoder = \"builtin\"\n", &[], &[]);
    assert!(
        problem.starts_with("tower.toml:3:11: `output.0.encoder` is \"builtin\", which makes MP3 and Opus"),
        "{problem}"
    );
}

#[test]
fn he_aac_takes_a_command_and_no_other_encoder() {
    let file = "[[output]]\ncodec = \"he-aac\"\nbitrate_kbps = 48\nencoder = \"command\"\ncommand = [\"heaac\"]\n";
    assert!(loaded(file, &[], &[]).is_ok());
    for encoder in ["", "encoder = \"builtin\"\n", "encoder = \"ffmpeg\"\n"] {
        let problem = the_problem(&format!("[[output]]\ncodec = \"he-aac\"\nbitrate_kbps = 48\n{encoder}"), &[], &[]);
        assert!(
            problem.contains("`output.0.codec` is \"he-aac\", which neither the tower nor FFmpeg encodes"),
            "{problem}"
        );
    }
    let problem = the_problem(&file.replace("48", "192"), &[], &[]);
    assert!(problem.contains("with HE-AAC it is 16 to 128"), "{problem}");
}
