#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| radio_fuzz_targets::decoder_record::run(bytes));
