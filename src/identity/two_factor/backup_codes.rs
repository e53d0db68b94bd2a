//! Codes for when the authenticator app is not at hand: ten of them, good once each.

use serde_json::json;
use zeroize::Zeroizing;

use super::By;
use super::check::Factor;
use super::seed::base32;
use crate::app::App;
use crate::keys::Mac;
use crate::notices::{self, Notice};
use crate::store::backup_codes::{self as stored, BackupCode};
use crate::store::{Db, StoreError, credentials, factor_failures};

/// How many codes a set has.
const COUNT: i64 = 10;

/// Crockford's base32: no letter is easily misread.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// What was typed, as it is hashed: sixteen letters in upper case, without dashes and blanks;
/// letters that are easily misread count as what they look like.
pub struct Typed(Zeroizing<String>);

impl Typed {
    /// Reads what was typed; nothing if it cannot be a backup code.
    #[must_use]
    pub fn read(typed: &str) -> Option<Self> {
        if typed.len() > 64 {
            return None;
        }
        let letter = |c: char| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        let code: String = typed.chars().filter(|c| !matches!(c, ' ' | '-')).map(letter).collect();
        let fits = code.len() == 16 && code.bytes().all(|byte| LETTERS.contains(&byte));
        fits.then(|| Self(code.into()))
    }

    /// The sixteen letters.
    #[must_use]
    pub fn letters(&self) -> &str {
        &self.0
    }

    /// The keyed hash under which it is kept: useless without the instance's secrets.
    fn hash(&self, app: &App, user_id: &str) -> String {
        app.lasting.mac_text(Mac::BackupCode, format!("{user_id}|{}", self.0.as_str()).as_bytes())
    }
}

/// Uses one of the person's codes up.
pub(super) async fn spend(
    app: &App,
    db: &mut Db,
    user_id: &str,
    code: &Typed,
) -> anyhow::Result<Option<Factor>> {
    // Without an app there is no second factor that the codes could stand in for.
    if !credentials::has_second_factor(db, user_id).await? {
        return Ok(None);
    }
    if !stored::spend(db, user_id, &code.hash(app, user_id), app.clock.now()).await? {
        return Ok(None);
    }
    Ok(Some(Factor::BackupCode { left: stored::count_left(db, user_id).await? }))
}

/// Puts a new set in place of any other, and gives it to be shown this once.
pub(super) async fn make(app: &App, db: &mut Db, by: &By<'_>) -> Result<Vec<String>, StoreError> {
    let now = app.clock.now();
    let (mut shown, mut set) = (Vec::new(), Vec::new());
    for position in 1..=COUNT {
        let code = base32(LETTERS, &app.random.bytes::<10>());
        set.push(BackupCode {
            id: app.random.id(now),
            user_id: by.user.id.clone(),
            position,
            code_hash: Typed(code.clone().into()).hash(app, &by.user.id),
            created_at: now,
            saved_at: None,
            used_at: None,
        });
        shown.push(in_groups(&code));
    }
    stored::replace(db, &by.user.id, &set).await?;
    by.record(app, db, "backup_codes_made", json!({ "count": COUNT })).await?;
    Ok(shown)
}

/// Four letters, a dash, and so on.
fn in_groups(code: &str) -> String {
    let letters: Vec<char> = code.chars().collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    groups.join("-")
}

/// Makes a new set, and so ends the old one; `None` for somebody without an authenticator app.
pub async fn renew(app: &App, by: &By<'_>) -> Result<Option<Vec<String>>, StoreError> {
    let mut db = app.store.write().await?;
    by.begin(app, &mut db).await?;
    factor_failures::hold(&mut db, &by.user.id).await?;
    if !credentials::has_second_factor(&mut db, &by.user.id).await? {
        return Ok(None);
    }
    let codes = make(app, &mut db, by).await?;
    notices::tell(app, &mut db, by.user, by.source(), Notice::BackupCodesRenewed).await?;
    db.commit().await?;
    Ok(Some(codes))
}

/// Notes that the person has put the set away.
pub async fn mark_saved(app: &App, by: &By<'_>) -> Result<(), StoreError> {
    let mut db = app.store.write().await?;
    by.begin(app, &mut db).await?;
    if stored::mark_saved(&mut db, &by.user.id, app.clock.now()).await? {
        by.record(app, &mut db, "backup_codes_saved", json!({})).await?;
    }
    db.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_people_write_it() {
        let read = |typed| Typed::read(typed).map(|code| code.0.to_string());
        let wanted = Some("01234567PQRSABCD".to_owned());
        for typed in [
            "01234567PQRSABCD",
            "0123-4567-PQRS-ABCD",
            "o l23 4567 pqrs abcd",
            "oI23-4567-pqrs-abcd ",
        ] {
            assert_eq!(read(typed), wanted, "{typed:?}");
        }
        for other in [
            "",
            "123456",
            "0123-4567-PQRS-ABC",
            "0123-4567-PQRS-ABCDE",
            "U123-4567-PQRS-ABCD",
            "é123-4567-PQRS-ABC",
            &"0".repeat(1_000_000),
        ] {
            assert_eq!(read(other), None);
        }
    }

    #[test]
    fn a_code_is_shown_in_groups_of_four() {
        assert_eq!(in_groups(&base32(LETTERS, &[0; 10])), "0000-0000-0000-0000");
        assert_eq!(in_groups(&base32(LETTERS, &[255; 10])), "ZZZZ-ZZZZ-ZZZZ-ZZZZ");
    }
}
