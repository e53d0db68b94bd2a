#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::run("json_depth", data));
