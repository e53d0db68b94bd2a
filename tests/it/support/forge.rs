//! Tokens that somebody made who should not: the usual attacks on JSON Web Signatures (RFC 8725).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::clients::AssertionKey;
use super::flow::{claims_of, header_of};

/// A compact JWS with this header, these claims and whatever `sign` makes of them.
pub fn jws(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// Signs with HMAC-SHA256: what a verifier falls for that takes a public key for a secret.
pub fn hs256(secret: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> {
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    move |signed| aws_lc_rs::hmac::sign(&key, signed).as_ref().to_vec()
}

/// Every forgery of a good `token`, by what was done; `public_jwk` is the key that verifies it.
pub fn forgeries(token: &str, public_jwk: &Value) -> Vec<(&'static str, String)> {
    let (header, claims) = (header_of(token), claims_of(token));
    let with = |changes: Value| {
        let mut header = header.clone();
        let members = header.as_object_mut().expect("a header is an object");
        members.extend(changes.as_object().expect("changes are an object").clone());
        header
    };
    let (signed, signature) = token.rsplit_once('.').expect("a signature");
    let attacker = AssertionKey::generate("attacker");
    let own = |header: &Value| attacker.sign_with(header, &claims);
    let key_text = public_jwk.to_string();
    let material = ["n", "x"].into_iter().find_map(|name| public_jwk[name].as_str());
    let material = URL_SAFE_NO_PAD.decode(material.expect("a public key")).expect("base64url");
    let hs = with(json!({ "alg": "HS256" }));
    let mut unsigned = vec![];
    for none in ["none", "None", "NONE", "nOnE"] {
        unsigned.push(("alg none", jws(&with(json!({ "alg": none })), &claims, |_| vec![])));
    }
    let mut flipped = signature.as_bytes().to_vec();
    flipped[10] = if flipped[10] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).expect("base64url");
    let es256 = json!({ "alg": "ES256", "typ": header["typ"], "jwk": attacker.public_jwk() });
    let mut named = es256.clone();
    named["kid"] = header["kid"].clone();
    unsigned.extend([
        ("no signature", format!("{signed}.")),
        ("no third part", signed.to_owned()),
        ("another signature", format!("{signed}.{flipped}")),
        ("HS256 with the key as text", jws(&hs, &claims, hs256(key_text.as_bytes()))),
        ("HS256 with the key's bytes", jws(&hs, &claims, hs256(&material))),
        ("HS256 with nothing", jws(&hs, &claims, hs256(b"\0"))),
        ("a jwk in the header", own(&es256)),
        ("a jwk in the header and our kid", own(&named)),
        ("a key of the attacker", own(&json!({ "alg": "ES256", "typ": header["typ"] }))),
        (
            "our signature under a critical header",
            format!("{}.{}", reencode(&with(json!({ "crit": ["exp"] })), &claims), signature),
        ),
        ("an encrypted one", format!("{signed}.{signature}.{signature}.{signature}")),
    ]);
    unsigned
}

fn reencode(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(header), encode(claims))
}
