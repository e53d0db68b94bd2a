//! Style sheets, scripts and icons, built in and named with the hash of their content.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::sync::LazyLock;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;

use crate::paths;
use crate::templates::brand::Color;
use crate::templates::settings;

/// The style sheet with the operator's colour: no file, but made at start by `brand.rs`.
pub const BRAND_STYLESHEET: &str = "brand.css";

/// Where the style sheets of people's own colors are: `color/2f5bea.css`.
const COLORS: &str = "color/";

#[derive(RustEmbed)]
#[folder = "assets/"]
// For the program alone, which has it already (`src/geoip/`).
#[exclude = "geoip/*"]
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
    if let Some(color) = color_of(path) {
        return Some(Asset { content_type, bytes: color.stylesheet().into_bytes().into() });
    }
    if path == settings::SCRIPT {
        return Some(Asset { content_type, bytes: settings::script().as_bytes().into() });
    }
    let bytes = match without_comments().get(path) {
        Some(text) => text.as_bytes().into(),
        None => Files::get(path)?.data,
    };
    Some(Asset { content_type, bytes })
}

/// Style sheets and scripts without their comments, which are for who reads the source: on a phone
/// they would be a sixth of what is sent.
fn without_comments() -> &'static HashMap<Cow<'static, str>, String> {
    static TEXTS: LazyLock<HashMap<Cow<'static, str>, String>> = LazyLock::new(|| {
        let stripped = |path: Cow<'static, str>| {
            let text = String::from_utf8(Files::get(&path)?.data.into_owned()).ok()?;
            let text = match path.rsplit_once('.')?.1 {
                "css" => between_comments(&text),
                "js" => text.lines().filter(is_code).flat_map(|line| [line, "\n"]).collect(),
                _ => return None,
            };
            Some((path, text))
        };
        Files::iter().filter_map(stripped).collect()
    });
    &TEXTS
}

/// What stands outside `/* … */`.
fn between_comments(sheet: &str) -> String {
    let mut parts = sheet.split("/*");
    let first = parts.next().unwrap_or_default();
    let rest = parts.filter_map(|part| part.split_once("*/")).map(|(_, code)| code.trim_start());
    std::iter::once(first).chain(rest).collect()
}

/// Whether a line of a script is more than a comment.
fn is_code(line: &&str) -> bool {
    !line.trim_start().starts_with("//")
}

/// What is the same for every operator and person, by path.
fn sent() -> impl Iterator<Item = Cow<'static, str>> {
    Files::iter().chain([settings::SCRIPT.into()])
}

/// The built-in file at `path` as gzip (RFC 1952), if that is smaller: compressed once, not for each
/// browser.
#[must_use]
pub fn packed(path: &str) -> Option<&'static [u8]> {
    static PACKED: LazyLock<HashMap<Cow<'static, str>, Vec<u8>>> = LazyLock::new(|| {
        let packed = |path: Cow<'static, str>| {
            let plain = find(&path)?.bytes;
            let packed = gzip(&plain).filter(|packed| packed.len() < plain.len())?;
            Some((path, packed))
        };
        sent().filter_map(packed).collect()
    });
    PACKED.get(path).map(Vec::as_slice)
}

fn gzip(plain: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok()
}

/// The URL of a built-in file, new whenever its content is, so that browsers may keep it for ever.
#[must_use]
pub fn url(path: &str) -> Option<&'static str> {
    // Each page names several, and their content is hashed once for all pages.
    static URLS: LazyLock<HashMap<Cow<'static, str>, String>> = LazyLock::new(|| {
        let url = |path: Cow<'static, str>| {
            let url = url_of(&path, &find(&path)?.bytes);
            Some((path, url))
        };
        sent().filter_map(url).collect()
    });
    URLS.get(path).map(String::as_str)
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

/// The URL of the style sheet that gives the pages this color.
#[must_use]
pub fn color_url(color: Color) -> String {
    let name = color.css();
    let path = format!("{COLORS}{}.css", name.trim_start_matches('#'));
    url_of(&path, color.stylesheet().as_bytes())
}

fn color_of(path: &str) -> Option<Color> {
    let digits = path.strip_prefix(COLORS)?.strip_suffix(".css")?;
    Color::parse(&format!("#{digits}")).filter(|_| digits.len() == 6)
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

#[cfg(test)]
mod tests {
    use super::{Files, between_comments, find};

    #[test]
    fn comments_stay_at_home() {
        assert_eq!(between_comments("a{}/* b{} */\n  c{}/**/d{}"), "a{}c{}d{}");
        for path in ["app.css", "app.js"] {
            let sent = String::from_utf8(find(path).unwrap().bytes.into_owned()).unwrap();
            assert!(!sent.contains("/*") && !sent.contains(" // "), "{path}");
            assert!(sent.lines().count() > 200 && sent.contains("search"), "{path}");
        }
    }

    #[test]
    fn browsers_get_no_file_that_is_for_the_program_alone() {
        assert!(
            Files::iter().all(|path| find(&path).is_some()),
            "{:?}",
            Files::iter().collect::<Vec<_>>()
        );
        assert!(find("geoip/countries.mmdb").is_none() && find("geoip/README.md").is_none());
    }
}
