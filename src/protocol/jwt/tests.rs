//! Vectors of the RFCs, and tokens that are almost right.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use super::key::thumbprint;
use super::*;
use crate::clock::Timestamp;

const EVERY: Expect<'_> = Expect { typ: None, algs: &SigningAlg::ALL };

fn key(key_type: KeyType) -> SigningKey {
    SigningKey::generate(key_type).unwrap().0
}

fn compact(header: &Value, claims: &str, key: &SigningKey, alg: SigningAlg) -> String {
    // Signed as usual, then told apart: the header is the attacker's, the signature is real.
    let signed = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims));
    format!("{signed}.{}", BASE64.encode(key.sign_bytes(alg, signed.as_bytes()).unwrap()))
}

#[test]
fn thumbprints_are_those_of_the_rfcs() {
    let rsa = json!({ "kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29", "n":
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw" });
    assert_eq!(thumbprint(&rsa).unwrap(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"); // RFC 7638 §3.1
    let ed = json!({ "kty": "OKP", "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    assert_eq!(thumbprint(&ed).unwrap(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"); // RFC 8037 §A.3
}

#[test]
fn the_ed25519_signature_of_rfc_8037_is_made_and_accepted() {
    // RFC 8037 §A.1 as PKCS#8 (RFC 8410 §7): a fixed prefix and the seed.
    let seed = BASE64.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let prefix = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let key = SigningKey::from_pkcs8(KeyType::Ed25519, &[&prefix[..], &seed].concat()).unwrap();
    let signed = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    assert_eq!(
        BASE64.encode(key.sign_bytes(SigningAlg::EdDSA, signed).unwrap()),
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    );
}

#[test]
fn the_es256_example_of_rfc_7515_is_accepted() {
    // RFC 7515 §A.3.
    let es = json!({ "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" });
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let claims = verify(token, &[PublicKey::from_jwk(&es).unwrap()], &EVERY).unwrap();
    assert_eq!(claims["iss"], "joe");
}

#[test]
fn what_each_kind_of_key_signs_it_verifies_and_no_other_key_does() {
    let stranger = key(KeyType::P256).public_key().unwrap();
    for alg in SigningAlg::ALL {
        let (made, pkcs8) = SigningKey::generate(alg.key_type()).unwrap();
        let key = SigningKey::from_pkcs8(alg.key_type(), &pkcs8).unwrap();
        assert_eq!(made.kid, key.kid);
        let token = key.sign(alg, "at+jwt", &json!({ "sub": "alice" })).unwrap();
        let keys = [stranger.clone(), key.public_key().unwrap()];
        let expect = Expect { typ: Some(&["at+jwt"]), algs: &[alg] };
        assert_eq!(verify(&token, &keys, &expect).unwrap()["sub"], "alice");
        assert_eq!(verify(&token, &keys[..1], &expect), Err(JwtError::UnknownKey));
        let others: Vec<_> = SigningAlg::ALL.into_iter().filter(|other| *other != alg).collect();
        let other = Expect { typ: None, algs: &others };
        assert_eq!(verify(&token, &keys, &other), Err(JwtError::Algorithm));
        let id_token = Expect { typ: Some(&["JWT"]), algs: &[alg] };
        assert_eq!(verify(&token, &keys, &id_token), Err(JwtError::Type));
        assert!(key.sign(others[1], "JWT", &json!({})).is_err() || key.key_type == KeyType::Rsa);
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.public_jwk().get(private).is_none());
        }
    }
}

#[test]
fn any_changed_character_breaks_a_token() {
    let key = key(KeyType::Ed25519);
    let keys = [key.public_key().unwrap()];
    let token = key.sign(SigningAlg::EdDSA, "JWT", &json!({ "sub": "alice", "exp": 1 })).unwrap();
    for at in 0..token.len() {
        let mut other = token.clone().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        assert!(verify(std::str::from_utf8(&other).unwrap(), &keys, &EVERY).is_err(), "{at}");
        assert!(verify(&token[..at], &keys, &EVERY).is_err());
    }
    assert!(verify(&format!("{token}="), &keys, &EVERY).is_err());
    assert!(verify(&format!("{token}."), &keys, &EVERY).is_err());
    let unsigned = token.rsplit_once('.').unwrap().0.to_owned() + ".";
    assert_eq!(verify(&unsigned, &keys, &EVERY), Err(JwtError::Signature));
}

#[test]
fn headers_that_would_choose_the_rules_are_refused_or_ignored() {
    let (mine, theirs) = (key(KeyType::Ed25519), key(KeyType::Ed25519));
    let keys = [mine.public_key().unwrap()];
    let verdict = |header: Value, signer: &SigningKey| {
        verify(&compact(&header, "{}", signer, SigningAlg::EdDSA), &keys, &EVERY).err()
    };
    assert_eq!(verdict(json!({ "alg": "EdDSA" }), &mine), None);
    let embedded = theirs.public_jwk();
    let cases = [
        (json!({ "alg": "none" }), JwtError::Algorithm),
        (json!({ "alg": "HS256" }), JwtError::Algorithm),
        (json!({ "alg": "ES256" }), JwtError::UnknownKey),
        (json!({ "alg": ["EdDSA"] }), JwtError::Algorithm),
        (json!({ "alg": "EdDSA", "crit": [] }), JwtError::Critical),
        (json!({ "alg": "EdDSA", "crit": ["b64"], "b64": false }), JwtError::Critical),
        (json!({ "alg": "EdDSA", "kid": 7 }), JwtError::Malformed),
        (json!({ "alg": "EdDSA", "typ": 7 }), JwtError::Type),
        (json!({ "alg": "EdDSA", "kid": "../../x" }), JwtError::UnknownKey),
    ];
    for (header, error) in cases {
        assert_eq!(verdict(header.clone(), &mine), Some(error), "{header}");
    }
    let urls =
        json!({ "alg": "EdDSA", "jwk": embedded, "jku": "https://evil.example/k", "x5u": "x" });
    assert_eq!(verdict(urls, &theirs), Some(JwtError::Signature));
}

#[test]
fn size_and_nesting_are_bounded_before_parsing() {
    let key = key(KeyType::Ed25519);
    let keys = [key.public_key().unwrap()];
    let header = json!({ "alg": "EdDSA" });
    let nested = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    let verdict = |claims: &str| {
        verify(&compact(&header, claims, &key, SigningAlg::EdDSA), &keys, &EVERY).err()
    };
    assert_eq!(verdict(&nested(31)), None);
    assert_eq!(verdict(&nested(32)), Some(JwtError::TooDeep));
    assert_eq!(verdict("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\"}"), None);
    assert_eq!(verdict("[]"), Some(JwtError::Malformed));
    assert_eq!(verdict(&format!("{{\"a\":\"{}\"}}", "x".repeat(20_000))), Some(JwtError::TooLarge));
    assert_eq!(peek(&"a.".repeat(500_000)), None);
}

#[test]
fn claims_of_the_wrong_type_are_not_absent() {
    let claims = |value: Value| json!({ "exp": value }).as_object().unwrap().clone();
    let exp =
        |value: Value| numeric_date(&claims(value), "exp").map(|at| at.map(Timestamp::seconds));
    assert_eq!(exp(json!(1_900_000_000)), Ok(Some(1_900_000_000)));
    assert_eq!(exp(json!(1_900_000_000.75)), Ok(Some(1_900_000_000)));
    assert_eq!(numeric_date(&Claims::new(), "exp"), Ok(None));
    for wrong in [
        json!("1900000000"),
        json!(1e300),
        json!(-1),
        json!(null),
        json!(true),
        json!([1]),
        json!({}),
        json!(253_402_300_800_i64),
        json!(u64::MAX),
        json!(1e-7),
        json!(-0.5),
    ] {
        assert_eq!(exp(wrong.clone()), Err(JwtError::Claim("exp")), "{wrong}");
    }
    assert_eq!(string(&claims(json!(5)), "exp"), Err(JwtError::Claim("exp")));
}

#[test]
fn keys_that_must_not_verify_are_not_read() {
    let good = key(KeyType::P256).public_jwk().clone();
    let with = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        PublicKey::from_jwk(&jwk)
    };
    assert!(with("key_ops", json!(["verify"])).is_some());
    assert!(with("use", json!("enc")).is_none());
    assert!(with("key_ops", json!(["encrypt"])).is_none());
    assert!(with("alg", json!("RS256")).is_none());
    assert!(with("alg", json!("HS256")).is_none());
    assert!(with("kid", json!(1)).is_none());
    assert!(with("x", json!("AA")).is_none());
    assert!(with("crv", json!("P-384")).is_none());
    assert!(PublicKey::from_jwk(&json!({ "kty": "oct", "k": "c2VjcmV0" })).is_none());
    let short = BASE64.encode([255_u8; 128]);
    assert!(PublicKey::from_jwk(&json!({ "kty": "RSA", "n": short, "e": "AQAB" })).is_none());
    let set = json!({ "keys": [good, { "kty": "oct", "k": "AA" }, 5] });
    assert_eq!(PublicKey::from_jwks(&set).len(), 1);
    assert!(PublicKey::from_jwks(&json!([])).is_empty());
}
