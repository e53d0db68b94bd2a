//! Takes a compact JWS apart, with its size and nesting bounded before any JSON is parsed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Map, Value};

use super::verify::JwtError;
use crate::protocol::json_depth::json_depth;

/// No token of ours or of a client's comes near this.
const MAX_BYTES: usize = 16 * 1024;
const MAX_DEPTH: usize = 32;

/// The three parts of a compact JWS (RFC 7515 §7.1), the header read, nothing verified.
pub(super) struct Parts<'a> {
    pub header: Map<String, Value>,
    pub payload: &'a str,
    /// What the signature covers.
    pub signed: &'a str,
    pub signature: &'a str,
}

pub(super) fn split(token: &str) -> Result<Parts<'_>, JwtError> {
    if token.len() > MAX_BYTES {
        return Err(JwtError::TooLarge);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(JwtError::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(JwtError::Malformed)?;
    if payload.contains('.') {
        return Err(JwtError::Malformed);
    }
    Ok(Parts { header: object(header)?, payload, signed, signature })
}

/// The JSON object that this part encodes; base64url without padding, in its one canonical form.
pub(super) fn object(part: &str) -> Result<Map<String, Value>, JwtError> {
    let json = BASE64.decode(part).map_err(|_| JwtError::Malformed)?;
    if json_depth(&json) > MAX_DEPTH {
        return Err(JwtError::TooDeep);
    }
    serde_json::from_slice(&json).map_err(|_| JwtError::Malformed)
}
