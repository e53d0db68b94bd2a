//! Style sheets, scripts and icons, built in and named with the hash of their content.

use std::borrow::Cow;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rust_embed::RustEmbed;

use crate::paths;

/// The style sheet with the operator's colour: no file, but made at start by `brand.rs`.
pub const BRAND_STYLESHEET: &str = "brand.css";

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Files;

/// A file as it is sent.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Its media type.
    pub content_type: &'static str,
    /// Its content.
    pub bytes: Cow<'static, [u8]>,
}

/// The file at `path` under `/assets/`, if it is one that browsers may have.
#[must_use]
pub fn find(path: &str) -> Option<Asset> {
    let content_type = content_type(path)?;
    Files::get(path).map(|file| Asset { content_type, bytes: file.data })
}

/// The URL of a built-in file, new whenever its content is, so that browsers may keep it for ever.
#[must_use]
pub fn url(path: &str) -> Option<String> {
    find(path).map(|asset| url_of(path, &asset.bytes))
}

/// The URL of `content` served at `path` under `/assets/`.
#[must_use]
pub fn url_of(path: &str, content: &[u8]) -> String {
    let base = paths::ASSETS.trim_end_matches("{*path}");
    format!("{base}{path}?v={}", version(content))
}

/// The first 60 bits of the content's SHA-256: what a current URL has as `v`.
#[must_use]
pub fn version(content: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, content);
    URL_SAFE_NO_PAD.encode(hash).chars().take(10).collect()
}

fn content_type(path: &str) -> Option<&'static str> {
    match path.rsplit_once('.')?.1 {
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "png" => Some("image/png"),
        _ => None,
    }
}
