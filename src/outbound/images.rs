//! Images of other servers, told by their content: what a server says of them does not count.

use anyhow::{Context, Result};

/// An image that a page may show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its media type.
    pub content_type: &'static str,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// The image that `bytes` are; fails for anything else.
pub(super) fn read(bytes: &[u8]) -> Result<Image> {
    let content_type = kind(bytes).context("the answer is not an image")?;
    Ok(Image { content_type, bytes: bytes.to_vec() })
}

/// The media type of the image that `bytes` are, if a page may show it.
#[must_use]
pub fn kind(bytes: &[u8]) -> Option<&'static str> {
    let begins = |magic: &[u8]| bytes.starts_with(magic);
    if begins(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if begins(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if begins(b"GIF87a") || begins(b"GIF89a") {
        Some("image/gif")
    } else if begins(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else {
        is_svg(bytes).then_some("image/svg+xml")
    }
}

/// An SVG begins with its element, perhaps after a declaration and comments.
fn is_svg(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    text.starts_with("<svg")
        || (text.starts_with("<?xml") || text.starts_with("<!--")) && {
            let head: String = text.chars().take(2048).collect();
            head.contains("<svg") && !head.to_ascii_lowercase().contains("<html")
        }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn an_image_is_told_by_its_content() {
        let kinds: [(&[u8], &str); 5] = [
            (b"\x89PNG\r\n\x1a\n...", "image/png"),
            (b"\xff\xd8\xff\xe0...", "image/jpeg"),
            (b"GIF89a...", "image/gif"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
            (b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        ];
        for (bytes, kind) in kinds {
            assert_eq!(read(bytes).unwrap().content_type, kind);
        }
        for other in [&b"<html><svg></svg></html>"[..], b"", b"{}", b"<?xml?><html><svg/></html>"] {
            assert!(read(other).is_err(), "{}", String::from_utf8_lossy(other));
        }
    }
}
