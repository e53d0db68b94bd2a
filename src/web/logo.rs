//! `/logos/{client_id}`: the logo of an application, fetched for the browser.
//!
//! So no application learns from its logo who opens a sign-in page, and our pages load nothing
//! from elsewhere.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::web::error::PageError;

/// The logo, or a square with the application's first letter when it cannot be had.
pub async fn get(
    State(app): State<Arc<App>>,
    Path(client_id): Path<String>,
) -> Result<Response, PageError> {
    let client = app.store.client(&client_id).await?.ok_or(PageError::NotFound)?;
    let uri = client.metadata.logo_uri.as_deref().ok_or(PageError::NotFound)?;
    let (kind, bytes) = match app.outbound.image(uri).await {
        Ok(image) => (image.content_type, image.bytes.clone()),
        Err(_) => ("image/svg+xml", letter(&client.metadata.client_name).into_bytes()),
    };
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=300")];
    Ok((headers, bytes).into_response())
}

fn letter(name: &str) -> String {
    let first = name.chars().find(|c| c.is_alphanumeric()).unwrap_or('A');
    let first: String = first.to_uppercase().collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 44 44\">\
         <rect width=\"44\" height=\"44\" rx=\"10\" fill=\"#5b6475\"/>\
         <text x=\"22\" y=\"29\" text-anchor=\"middle\" font-family=\"system-ui, sans-serif\" \
         font-size=\"20\" font-weight=\"600\" fill=\"#fff\">{first}</text></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::letter;

    #[test]
    fn a_letter_is_never_markup() {
        assert!(letter("<script>").contains(">S</text>"));
        assert!(letter("&&& 7").contains(">7</text>"));
        assert!(letter("").contains(">A</text>"));
    }
}
