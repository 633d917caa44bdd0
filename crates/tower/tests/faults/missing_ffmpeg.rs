//! An output set to FFmpeg is on air without it: the built-in encoder stands in from the start
//! (SPEC ENC-11).

use crate::common;
use serde_json::Value;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn an_mp3_output_whose_ffmpeg_is_missing_starts_on_the_builtin_encoder_with_an_alarm() {
    starts_on_the_builtin_encoder("mp3");
}

#[test]
fn an_opus_output_whose_ffmpeg_is_missing_starts_on_the_builtin_encoder_with_an_alarm() {
    starts_on_the_builtin_encoder("opus");
}

#[track_caller]
fn starts_on_the_builtin_encoder(codec: &str) {
    let setup = common::setup()
        .line("encoder.ffmpeg = \"/nonexistent/ffmpeg\"")
        .line(&format!("output = [{{ encoder = \"ffmpeg\", codec = {codec:?} }}]"));
    let tower = setup.start();
    let listener = tower.listen("/stream");
    listener.wait_bytes(60_000, PATIENCE);
    let encoder = tower.status()["outputs"][0]["encoder"].clone();
    assert_eq!((&encoder["kind"], &encoder["carried_by"]), (&"ffmpeg".into(), &"builtin".into()), "{encoder:#}");
    let alarms = tower.events("alarm");
    let is_missing = |event: &Value| event["what"] == "encoder_missing" && event["mount"] == "/stream";
    let names_it = |event: &Value| event["error"].as_str().is_some_and(|error| error.contains("/nonexistent/ffmpeg"));
    assert!(alarms.iter().any(|(_, event)| is_missing(event) && names_it(event)), "{alarms:?}");
}
