//! Where a long list goes on, as a page's link carries it: made by us for one person and one list,
//! so that nothing else is ever looked up by it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::app::App;
use crate::clock::Timestamp;
use crate::keys::{LastingSecrets, Mac};
use crate::web::error::PageError;

/// The last row that a page showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Its time.
    pub at: Timestamp,
    /// Its id.
    pub id: String,
}

impl Default for Cursor {
    /// Before the first row.
    fn default() -> Self {
        Self { at: Timestamp::from_millis(i64::MAX), id: String::new() }
    }
}

impl Cursor {
    /// As a link carries it.
    #[must_use]
    pub fn seal(&self, app: &App, list: &str, user_id: &str) -> String {
        self.seal_with(&app.lasting, list, user_id)
    }

    /// The same, by the secrets themselves.
    #[must_use]
    pub fn seal_with(&self, secrets: &LastingSecrets, list: &str, user_id: &str) -> String {
        let mac = secrets.mac_text(Mac::Cursor, &self.bound(list, user_id));
        format!("{}.{}.{mac}", self.at.millis(), self.id)
    }

    /// Reads what a link carried; what we have not made for this person and list is refused.
    pub fn read(app: &App, list: &str, user_id: &str, text: &str) -> Result<Self, PageError> {
        Self::read_with(&app.lasting, list, user_id, text).ok_or(PageError::BadLink)
    }

    /// The same, by the secrets themselves.
    #[must_use]
    pub fn read_with(
        secrets: &LastingSecrets,
        list: &str,
        user_id: &str,
        text: &str,
    ) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let (at, id, mac) = (parts.next()?, parts.next()?, parts.next()?);
        let (at, mac) = (at.parse().ok()?, URL_SAFE_NO_PAD.decode(mac).ok()?);
        let cursor = Self { at: Timestamp::from_millis(at), id: id.to_owned() };
        secrets.mac_holds(Mac::Cursor, &cursor.bound(list, user_id), &mac).then_some(cursor)
    }

    fn bound(&self, list: &str, user_id: &str) -> Vec<u8> {
        format!("{list}|{user_id}|{}|{}", self.at.millis(), self.id).into_bytes()
    }
}
