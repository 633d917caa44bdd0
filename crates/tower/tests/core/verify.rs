//! `tower verify` proves a tower whose encoder dies again and again, and catches what is wrong with a stream (SPEC
//! ENC-9, API-5, CFG-4).

use crate::common;
use radio_proof::alarm::wait_for;
use radio_proof::material;
use radio_proof::process::signal;
use radio_proof::station::{Manner, Station};
use radio_proof::tower::{ADMIN_PASSWORD, Tower};
use rustix::process::Signal;
use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A frame at 128 kbit/s and 48 kHz: all are alike.
const FRAME_BYTES: usize = 384;

/// Runs `tower verify` with `arguments`.
fn verify(arguments: &[String]) -> JoinHandle<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tower"));
    command.arg("verify").args(arguments).env_remove("TOWER_ADMIN_PASSWORD").stdin(Stdio::null());
    std::thread::spawn(move || command.output().expect("the tower's own executable"))
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// The exit code and the JSON object.
#[track_caller]
fn verdict(running: JoinHandle<Output>) -> (i32, Value) {
    let output = running.join().expect("it was started");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let json = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout} {stderr}"));
    (output.status.code().expect("it exits by itself"), json)
}

/// A tower that plays music.
fn on_air(output: &str) -> (Tower, Station) {
    let tower = common::setup().line(output).start();
    tower.wait_encoder("RUNNING", Duration::from_secs(10));
    let music = Arc::new(material::music(0, 40, 20));
    let station = Station::start(&tower.pcm_socket(), music, Manner { looped: true, ..Manner::default() });
    tower.wait_source("station", Duration::from_secs(10));
    // Silence before the music is all the same frame, in which one more or less is not seen: past the burst with it.
    let since_tick = tower.status()["on_air"]["since_tick"].as_u64().unwrap_or(0);
    let tick = || tower.status()["tick"].as_u64().unwrap_or(0);
    wait_for("music for longer than a burst", Duration::from_secs(10), || (tick() > since_tick + 125).then_some(()));
    (tower, station)
}

/// Kills the encoder three times while `tower verify` runs `with` another one.
#[track_caller]
fn prove_through_kills(output: &str, with: &str) {
    const KILLS: u64 = 3;
    let (tower, _station) = on_air(output);
    let url = format!("http://admin:{ADMIN_PASSWORD}@{}/stream", tower.address);
    let running = verify(&words(&format!("{url} --json --seconds 6 --with {with}")));
    // Not before it has counted the restarts so far.
    wait_for("the listener", Duration::from_secs(5), || (tower.status()["listeners"]["now"] == 2).then_some(()));
    std::thread::sleep(Duration::from_millis(500));
    for _ in 0..KILLS {
        let victim = tower.encoder_pid().expect("a running encoder has a pid");
        assert!(signal(victim, Signal::KILL), "the encoder is there");
        wait_for("another encoder", Duration::from_secs(5), || tower.encoder_pid().filter(|&pid| pid != victim));
        tower.wait_encoder("RUNNING", Duration::from_secs(5));
    }
    let (code, json) = verdict(running);
    assert_eq!((code, &json["verdict"]), (0, &"identical".into()), "{json}");
    assert_eq!((&json["encoder_restarts"], &json["with"]), (&KILLS.into(), &with.into()), "{json}");
    let compared = json["compared"].as_u64().unwrap_or(0);
    assert!(compared >= 6 * 40, "six seconds and a burst of it: {json}");
    assert_eq!((&json["identical"], &json["missing"], &json["silent"]), (&compared.into(), &0.into(), &0.into()));
    assert_eq!((&json["epoch_changed"], &json["bitrate_kbps"]), (&false.into(), &128.into()));
}

#[test]
fn the_builtin_encoder_is_killed_again_and_again_and_ffmpeg_finds_no_difference() {
    prove_through_kills(r#"output = [{ encoder = "builtin" }]"#, "ffmpeg");
}

#[test]
fn ffmpeg_is_killed_again_and_again_and_the_builtin_encoder_finds_no_difference() {
    // In mono, which both make of the same stereo PCM.
    prove_through_kills(r#"output = [{ encoder = "ffmpeg", channels = 1 }]"#, "builtin");
}

/// What a proxy does to the frame with this index.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    FlippedByte {
        at: usize,
    },
    Repeated,
    Dropped,
    Garbage,
    /// Hangs up there, and is another life of the tower from then on.
    Restart,
}

const FAULTY_INDEX: u64 = 60;

/// A proxy in front of a tower; it serves until the test's process ends.
struct Proxy {
    address: SocketAddr,
    /// Number of the first frame of the last stream that passed.
    first_frame: Arc<AtomicU64>,
}

impl Proxy {
    fn start(tower: SocketAddr, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let first_frame = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&first_frame);
        std::thread::spawn(move || {
            let mut streams = 0;
            for client in listener.incoming().flatten() {
                let _either_side_hung_up = pass(client, tower, fault, &mut streams, &seen);
            }
        });
        Self { address, first_frame }
    }
}

/// Passes one connection on; a stream in a thread of its own.
fn pass(
    mut client: TcpStream,
    tower: SocketAddr,
    fault: Fault,
    streams: &mut u32,
    first_frame: &AtomicU64,
) -> io::Result<()> {
    let request = read_head(&mut client)?;
    let mut server = TcpStream::connect(tower)?;
    server.write_all(request.as_bytes())?;
    if !request.starts_with("GET /stream") {
        io::copy(&mut server, &mut client)?;
        return Ok(());
    }
    *streams += 1;
    let mut head = read_head(&mut server)?;
    if matches!(fault, Fault::Restart) && *streams > 1 {
        head = head.replace("X-Tower-Epoch: ", "X-Tower-Epoch: f");
    } else {
        let number = head.split("X-Tower-Frame: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        first_frame.store(number.ok_or(io::ErrorKind::InvalidData)?, Ordering::Relaxed);
    }
    client.write_all(head.as_bytes())?;
    std::thread::spawn(move || {
        let mut frame = [0; FRAME_BYTES];
        let mut index = 0;
        while server.read_exact(&mut frame).is_ok() {
            let passed = match fault {
                _ if index != FAULTY_INDEX => client.write_all(&frame),
                Fault::None => client.write_all(&frame),
                Fault::FlippedByte { at } => {
                    frame[at] ^= 0x10;
                    client.write_all(&frame)
                }
                Fault::Repeated => client.write_all(&[frame, frame].concat()),
                Fault::Dropped => Ok(()),
                Fault::Garbage => client.write_all(&[&[0x55; 100], frame.as_slice()].concat()),
                Fault::Restart => return,
            };
            if passed.is_err() {
                return;
            }
            index += 1;
        }
    });
    Ok(())
}

fn read_head(socket: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    String::from_utf8(head).map_err(io::Error::other)
}

#[test]
fn each_fault_on_the_way_is_found_at_its_frame() {
    let (tower, _station) = on_air(r#"output = [{ encoder = "builtin" }]"#);
    let faults =
        [Fault::None, Fault::FlippedByte { at: 200 }, Fault::Repeated, Fault::Dropped, Fault::Garbage, Fault::Restart];
    let running: Vec<_> = faults
        .into_iter()
        .map(|fault| {
            let proxy = Proxy::start(tower.address, fault);
            let monitor = format!("http://admin:{ADMIN_PASSWORD}@{}/", tower.address);
            let line = format!("http://{}/stream --monitor {monitor} --json --seconds 3", proxy.address);
            (fault, proxy, verify(&words(&line)))
        })
        .collect();
    for (fault, proxy, running) in running {
        let (code, json) = verdict(running);
        let faulty = proxy.first_frame.load(Ordering::Relaxed) + FAULTY_INDEX;
        let counts = ["altered", "repeated", "missing", "foreign", "out_of_order", "stray_bytes"]
            .map(|name| json[name].as_u64().unwrap_or(u64::MAX));
        let (wanted_code, wanted_counts, first_different) = match fault {
            Fault::None => (0, [0; 6], None),
            Fault::FlippedByte { .. } => (1, [1, 0, 0, 0, 0, 0], Some(faulty)),
            // The frame comes again in the place of the next.
            Fault::Repeated => (1, [0, 1, 0, 0, 0, 0], Some(faulty + 1)),
            Fault::Dropped => (1, [0, 0, 1, 0, 0, 0], Some(faulty)),
            Fault::Garbage => (1, [0, 0, 0, 0, 0, 100], None),
            Fault::Restart => (2, [0; 6], None),
        };
        let about = format!("{fault:?} at frame {faulty}: {json}");
        assert_eq!((code, counts), (wanted_code, wanted_counts), "{about}");
        assert_eq!(json["first_difference"]["frame"].as_u64(), first_different, "{about}");
        if let Fault::FlippedByte { at } = fault {
            assert_eq!(json["first_difference"]["byte"], at, "{about}");
        }
        assert_eq!(json["epoch_changed"], matches!(fault, Fault::Restart), "{about}");
        let compared = json["compared"].as_u64().unwrap_or(0);
        assert!(compared >= FAULTY_INDEX, "{about}");
    }
}

#[test]
fn what_cannot_be_verified_is_exit_code_2_with_a_remedy() {
    let tower = common::setup().start();
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    let on_tower = |rest: &str| format!("http://{}{rest}", tower.address);
    for (arguments, remedy) in [
        (on_tower("/stream --seconds 1"), "$TOWER_ADMIN_PASSWORD"),
        (on_tower("/stream --seconds 1 --password wrong"), "until the tower is started again"),
        (on_tower("/no-such-mount --seconds 1"), "/status"),
        (on_tower("/status --seconds 1"), "no header x-tower-frame"),
        (format!("http://{nobody}/stream"), "tower serve"),
        (format!("{} --password {ADMIN_PASSWORD} --with ffmpeg --set encoder.ffmpeg=/no/ffmpeg", on_tower("/")), "apt"),
    ] {
        let output = verify(&words(&arguments)).join().expect("it was started");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments}: {stderr}");
        assert!(stderr.contains(remedy), "{arguments}: {stderr}");
        let (code, json) = verdict(verify(&words(&format!("{arguments} --json"))));
        assert_eq!((code, &json["verdict"]), (2, &"unverified".into()));
        assert!(json["reason"].as_str().is_some_and(|reason| reason.contains(remedy)), "{json}");
    }
}
