//! Who must have two-factor (`login.two_factor_required_for`).

use crate::app::App;
use crate::store::users::User;

/// Whether `user` must have two-factor.
#[must_use]
pub fn is_required(app: &App, user: &User) -> bool {
    requires(&app.config.login.two_factor_required_for, user.admin_at.is_some(), &user.member_of)
}

fn requires(rules: &[String], admin: bool, member_of: &str) -> bool {
    rules.iter().any(|rule| match rule.as_str() {
        "everyone" => true,
        "administrators" => admin,
        other => other
            .strip_prefix("group:")
            .is_some_and(|group| member_of.split_whitespace().any(|one| one == group)),
    })
}

#[cfg(test)]
mod tests {
    use super::requires;

    #[test]
    fn a_rule_is_for_whom_it_names() {
        let is = |rule: &str, admin, groups| requires(&[rule.to_owned()], admin, groups);
        assert!(is("everyone", false, ""));
        assert!(is("administrators", true, "") && !is("administrators", false, "administrators"));
        assert!(is("group:staff", false, "press staff"));
        for groups in ["", "staffing", "group:staff", "STAFF"] {
            assert!(!is("group:staff", true, groups), "{groups:?}");
        }
        assert!(!requires(&[], true, "staff"));
    }
}
