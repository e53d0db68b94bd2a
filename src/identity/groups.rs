//! The groups that people are in.

use serde_json::json;

use crate::app::App;
use crate::config::is_group_name;
use crate::identity::people::{self, PeopleError};
use crate::store::events::{self, Event};
use crate::store::users::{self, User};

/// The groups as they are kept: sorted, each once, between spaces.
pub(super) fn in_one_line(groups: &[String]) -> Result<String, PeopleError> {
    if let Some(bad) = groups.iter().find(|group| !is_group_name(group)) {
        return Err(PeopleError::BadGroup(bad.clone()));
    }
    let mut groups = groups.to_vec();
    groups.sort_unstable();
    groups.dedup();
    Ok(groups.join(" "))
}

/// Puts a person into these groups and no others.
pub async fn set_groups(app: &App, who: &str, groups: &[String]) -> Result<User, PeopleError> {
    let member_of = in_one_line(groups)?;
    let mut user = people::find(app, who).await?;
    let now = app.clock.now();
    let mut db = app.store.write().await?;
    users::set_groups(&mut db, &user.id, &member_of, now).await?;
    let event = Event {
        user_id: Some(user.id.clone()),
        actor: Some("administrator".into()),
        details: json!({ "groups": member_of }),
        ..app.event("groups_set")
    };
    events::record(&mut db, &event).await?;
    db.commit().await?;
    user.member_of = member_of;
    user.updated_at = now;
    Ok(user)
}

#[cfg(test)]
mod tests {
    use super::in_one_line;

    #[test]
    fn groups_are_kept_sorted_and_once() {
        let groups = ["staff", "press_9", "staff"].map(str::to_owned);
        assert_eq!(in_one_line(&groups).unwrap(), "press_9 staff");
        for bad in ["", "Staff", "a b", "é", "a:b", &"x".repeat(65)] {
            assert!(in_one_line(&[bad.to_owned()]).is_err(), "{bad:?}");
        }
    }
}
