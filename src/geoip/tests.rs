//! Places by the built-in table, and by small files in both layouts.

use std::net::Ipv4Addr;

use super::*;
use mmdb::Value;

#[path = "../../tests/it/support/mmdb.rs"]
mod mmdb;

fn built_in() -> Geoip {
    Geoip::open(&Settings::default()).unwrap()
}

#[test]
fn well_known_addresses_are_in_their_countries() {
    let geoip = built_in();
    for (address, code, words) in [
        ("8.8.8.8", "US", "United States"),
        ("193.0.6.139", "NL", "Netherlands"),
        ("129.132.1.1", "CH", "Switzerland"),
        ("131.111.8.1", "GB", "United Kingdom"),
        ("133.11.0.1", "JP", "Japan"),
        ("200.160.0.8", "BR", "Brazil"),
        ("2001:620::1", "CH", "Switzerland"),
        ("2001:67c:2e8::1", "NL", "Netherlands"),
        ("::ffff:129.132.1.1", "CH", "Switzerland"),
        ("64:ff9b::8184:101", "CH", "Switzerland"),
    ] {
        let place = geoip.place(address);
        assert_eq!(place.words, words, "{address}");
        assert_eq!(place.country.as_deref(), Some(code), "{address}");
        assert!(place.is_known() && place.city.is_none() && place.location.is_none());
    }
}

#[test]
fn addresses_of_no_public_network_are_local() {
    let local = [
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.178.20",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "169.254.10.10",
        "::1",
        "fd12:3456::1",
        "fe80::1",
        "::ffff:192.168.0.1",
        "64:ff9b::a00:1",
    ];
    let geoip = built_in();
    for address in local {
        assert_eq!(geoip.place(address), Place::called("Local network"), "{address}");
    }
    for address in ["172.32.0.1", "100.128.0.1", "192.167.0.1", "fec0::1", "0.0.0.0"] {
        assert_ne!(geoip.place(address).words, "Local network", "{address}");
    }
}

#[test]
fn what_cannot_be_told_is_unknown() {
    let geoip = built_in();
    for address in [
        "",
        "unknown",
        "8.8.8",
        "8.8.8.8:443",
        "[::1]",
        "fe80::1%eth0",
        "192.0.2.1",
        "2001:db8::1",
        "255.255.255.255",
        "::",
        "\u{0}",
        "🦀",
        &"1".repeat(100_000),
    ] {
        let place = geoip.place(address);
        assert_eq!(place, Place::called("Unknown"), "{address:.40}");
        assert!(!place.is_known());
    }
}

fn opened(bytes: &[u8]) -> anyhow::Result<Geoip> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("places.mmdb");
    std::fs::write(&path, bytes).unwrap();
    Geoip::open(&Settings { database: Some(path) })
}

/// A file of one record: that of `network/24`.
fn file(network: Ipv4Addr, record: &Value) -> Vec<u8> {
    mmdb::file(&[(network, record)])
}

const NETWORK: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 0);

fn placed(record: &Value) -> Place {
    opened(&file(NETWORK, record)).unwrap().place("192.0.2.77")
}

fn names(name: &'static str) -> Value {
    Value::Map(vec![(
        "names",
        Value::Map(vec![("de", Value::Text("?")), ("en", Value::Text(name))]),
    )])
}

#[test]
fn an_operators_file_may_be_nested_or_flat() {
    let country =
        Value::Map(vec![("iso_code", Value::Text("CH")), ("geoname_id", Value::Number(1))]);
    let location =
        Value::Map(vec![("latitude", Value::Double(47.37)), ("longitude", Value::Double(8.54))]);
    let nested =
        Value::Map(vec![("city", names("Zurich")), ("country", country), ("location", location)]);
    let flat = Value::Map(vec![
        ("city", Value::Text("Zurich")),
        ("country_code", Value::Text("CH")),
        ("latitude", Value::Double(47.37)),
        ("longitude", Value::Double(8.54)),
    ]);
    for record in [nested, flat] {
        let place = placed(&record);
        assert_eq!(place.words, "Zurich, Switzerland");
        assert_eq!(place.country.as_deref(), Some("CH"));
        assert_eq!(place.city.as_deref(), Some("Zurich"));
        assert_eq!(place.location, Some((47.37, 8.54)));
    }
}

#[test]
fn odd_records_tell_what_they_can() {
    let told = |members| placed(&Value::Map(members)).words;
    let code = || ("country_code", Value::Text("sg"));
    assert_eq!(told(vec![code(), ("city", Value::Text("Singapore"))]), "Singapore");
    assert_eq!(told(vec![code(), ("city", Value::Number(3))]), "Singapore");
    assert_eq!(told(vec![code(), ("city", Value::Text(" \n"))]), "Singapore");
    assert_eq!(told(vec![("country", Value::Text("AT"))]), "Austria");
    assert_eq!(told(vec![("country", names("Middle-earth"))]), "Middle-earth");
    assert_eq!(told(vec![("city", Value::Text("Bree"))]), "Bree");
    let far = placed(&Value::Map(vec![
        code(),
        ("latitude", Value::Double(f64::NAN)),
        ("longitude", Value::Double(8.5)),
    ]));
    assert_eq!(far.location, None);
    let district = Value::Text("Singapore (Downtown Core)");
    assert_eq!(told(vec![code(), ("city", district)]), "Singapore");
    let district = placed(&Value::Map(vec![("city", Value::Text("Basel (Gundeldingen)"))]));
    assert_eq!((district.words.as_str(), district.city.as_deref()), ("Basel", Some("Basel")));
}

#[test]
fn what_an_operators_file_does_not_hold_is_in_its_country_at_least() {
    let singapore = Value::Map(vec![("country_code", Value::Text("SG"))]);
    let geoip = opened(&file(NETWORK, &singapore)).unwrap();
    for (address, words) in [
        ("192.0.2.1", "Singapore"),
        ("129.132.1.1", "Switzerland"),
        ("2001:620::1", "Switzerland"),
        ("198.51.100.1", "Unknown"),
        ("10.1.1.1", "Local network"),
    ] {
        assert_eq!(geoip.place(address).words, words, "{address}");
    }
}

#[test]
fn a_file_that_cannot_be_used_is_refused_by_name() {
    let numbers = Value::Map(vec![("autonomous_system_number", Value::Number(559))]);
    for (bytes, why) in [
        (b"not a database".to_vec(), "no MMDB file"),
        (Vec::new(), "no MMDB file"),
        (file(NETWORK, &numbers), "neither countries nor cities"),
    ] {
        let error = format!("{:#}", opened(&bytes).unwrap_err());
        assert!(error.contains("geoip.database") && error.contains(why), "{error}");
    }
    let nowhere = Settings { database: Some("/nowhere/places.mmdb".into()) };
    let error = format!("{:#}", Geoip::open(&nowhere).unwrap_err());
    assert!(error.contains("/nowhere/places.mmdb"), "{error}");
}

#[test]
fn a_damaged_file_answers_unknown() {
    let whole = file(NETWORK, &Value::Map(vec![("country_code", Value::Text("CH"))]));
    let damaged = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        Geoip::over(Cow::Owned(bytes), None)
    };
    for at in 0..whole.len() {
        if let Ok(geoip) = damaged(at) {
            let _any = geoip.place("192.0.2.77");
            let _other = geoip.place("10.255.255.255");
        }
    }
}
