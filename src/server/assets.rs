//! `/assets/…`: style sheets, scripts and icons. They hold no secret and nothing that a stranger
//! wrote, so that they may be compressed, unlike pages (the BREACH attack).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::templates::assets;
use crate::web::error::PageError;
use crate::web::parameters::of_query;

/// How long a browser may keep a file whose URL changes with its content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// How long it may keep a file that it asked for without saying which content it wants.
pub(super) const SHORTLY: &str = "public, max-age=300";

const GZIP: (HeaderName, &str) = (header::CONTENT_ENCODING, "gzip");

/// Sends the file; compressed if the browser can read that.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Path(path): Path<String>,
    uri: Uri,
    asked: HeaderMap,
) -> Result<Response, PageError> {
    let (content_type, bytes) = if path == assets::BRAND_STYLESHEET {
        ("text/css; charset=utf-8", app.templates.brand_stylesheet().as_bytes().to_vec().into())
    } else {
        let asset = assets::find(&path).ok_or(PageError::NotFound)?;
        (asset.content_type, asset.bytes)
    };
    let query = of_query(&uri).ok();
    let version = query.as_ref().and_then(|query| query.once("v").ok().flatten());
    let current = version.is_some_and(|version| version == assets::version(&bytes));
    let kept = if current { FOR_EVER } else { SHORTLY };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, kept),
        (header::VARY, "Accept-Encoding"),
    ];
    Ok(match assets::packed(&path).filter(|_| reads_gzip(&asked)) {
        Some(packed) => (headers, [GZIP], packed).into_response(),
        None => (headers, bytes.into_owned()).into_response(),
    })
}

/// Whether the browser named gzip among the codings that it accepts (RFC 9110 §12.5.3).
fn reads_gzip(asked: &HeaderMap) -> bool {
    let codings = asked.get_all(header::ACCEPT_ENCODING).iter();
    codings.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|one| {
        let (coding, weight) = one.split_once(';').unwrap_or((one, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        coding.trim().eq_ignore_ascii_case("gzip")
            && weight.parse::<f32>().is_ok_and(|weight| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::{HeaderMap, header, reads_gzip};

    #[test]
    fn only_a_browser_that_asks_for_it_gets_gzip() {
        let asked = |value: &str| {
            let value = value.parse().unwrap();
            reads_gzip(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]))
        };
        for yes in ["gzip", "GZIP", "deflate, gzip, br", "gzip;q=0.2", "br;q=1.0, gzip; q=0.5"] {
            assert!(asked(yes), "{yes}");
        }
        for no in ["", "br", "identity", "gzip;q=0", "gzip; q=0.000", "gzip;q=x", "xgzip"] {
            assert!(!asked(no), "{no}");
        }
        assert!(!reads_gzip(&HeaderMap::new()));
    }
}
