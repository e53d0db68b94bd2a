// Files and documents: configuration, tables of places, images of other servers.

use std::sync::LazyLock;

use latchkey::config::Config;
use latchkey::geoip::{Geoip, UNKNOWN};
use latchkey::outbound::image_kind;
use latchkey::protocol::json_depth::json_depth;
use serde_json::Value;

use super::text;

/// A configuration file is read or refused in one line.
pub fn config(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match Config::read("fuzz.toml", text, []) {
        Ok(config) => {
            let _ = config.check();
            let printed = config.effective();
            Config::read("printed.toml", &printed, []).expect("what is printed can be read");
        }
        Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
    }
}

/// What another server calls an image is one by its first bytes, and never a page.
pub fn image(data: &[u8]) {
    let Some(kind) = image_kind(data) else { return };
    let begins = |magic: &[u8]| data.len() >= magic.len() && data[..magic.len()] == *magic;
    match kind {
        "image/png" => assert!(begins(b"\x89PNG\r\n\x1a\n")),
        "image/jpeg" => assert!(begins(b"\xff\xd8\xff")),
        "image/gif" => assert!(begins(b"GIF8") && [b'7', b'9'].contains(&data[4])),
        "image/webp" => assert!(begins(b"RIFF") && &data[8..12] == b"WEBP"),
        "image/svg+xml" => {
            let text = text(data).expect("an SVG is text");
            let begin = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
            assert!(begin.starts_with('<') && text.contains("<svg"), "{text:?}");
            assert!(!begin.to_ascii_lowercase().starts_with("<html"));
        }
        other => panic!("{other} is no type of ours"),
    }
}

/// The depth is measured as the parser finds it.
pub fn depth(data: &[u8]) {
    let depth = json_depth(data);
    assert!(depth <= data.len());
    if depth > 100 {
        return;
    }
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        // Of two members of one name the parser keeps one.
        assert!(depth >= nested(&value));
    }
}

fn nested(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(nested).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(nested).max().unwrap_or(0),
        _ => 0,
    }
}

/// A table of places in which the input has changed bytes, three of it for one of the table.
pub fn places(data: &[u8]) {
    static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(table);
    let mut bytes = WHOLE.clone();
    for change in data.chunks_exact(3) {
        let at = (usize::from(change[0]) * 251 + usize::from(change[1])) % bytes.len();
        bytes[at] = bytes[at].wrapping_add(change[2]);
    }
    let Ok(geoip) = Geoip::of(bytes) else { return };
    for address in ["192.0.2.77", "10.255.255.255", "8.8.8.8", "2001:db8::1", "nonsense"] {
        let place = geoip.place(address);
        assert!(!place.words.is_empty() && place.words.chars().count() <= 162, "{place:?}");
        assert!(!place.words.chars().any(char::is_control));
        assert!(place.country.is_none_or(|code| code.len() == 2 && code.is_ascii()));
        if let Some((latitude, longitude)) = place.location {
            assert!(latitude.abs() <= 90.0 && longitude.abs() <= 180.0);
        }
        if address == "nonsense" {
            assert_eq!(place.words, UNKNOWN);
        }
    }
}

/// An MMDB file of one record, that of 192.0.2.0/24: 24 nodes of two pointers of 24 bits.
fn table() -> Vec<u8> {
    const NODES: u8 = 24;
    let mut bytes = Vec::new();
    for depth in 0..NODES {
        let next = if depth + 1 == NODES { NODES + 16 } else { depth + 1 };
        let taken = 0xc000_0200_u32 >> (31 - depth) & 1;
        for side in [0, 1] {
            bytes.extend([0, 0, if side == taken { next } else { NODES }]);
        }
    }
    bytes.extend([0; 16]);
    let map = |bytes: &mut Vec<u8>, members: &[(&str, &[u8])]| {
        bytes.push(0xe0 | u8::try_from(members.len()).expect("few members"));
        for (name, value) in members {
            bytes.push(0x40 | u8::try_from(name.len()).expect("a short name"));
            bytes.extend(name.as_bytes());
            bytes.extend(*value);
        }
    };
    let (north, east) = ([&[0x68], &47.37_f64.to_be_bytes()[..]].concat(), 8.54_f64.to_be_bytes());
    let east = [&[0x68], &east[..]].concat();
    let record: [(&str, &[u8]); 4] = [
        ("city", b"\x46Zurich"),
        ("country_code", b"\x42CH"),
        ("latitude", &north),
        ("longitude", &east),
    ];
    map(&mut bytes, &record);
    bytes.extend(b"\xab\xcd\xefMaxMind.com");
    let metadata: [(&str, &[u8]); 9] = [
        ("binary_format_major_version", b"\xa1\x02"),
        ("binary_format_minor_version", b"\xa1\x00"),
        ("build_epoch", b"\x01\x02\x01"),
        ("database_type", b"\x44Test"),
        ("description", b"\xe0"),
        ("ip_version", b"\xa1\x04"),
        ("languages", b"\x00\x04"),
        ("node_count", &[0xc1, NODES]),
        ("record_size", b"\xa1\x18"),
    ];
    map(&mut bytes, &metadata);
    bytes
}
