//! `/account/password/check`: what is wrong with a new password, while it is typed. The server
//! decides here as it does when the form is sent; a page without scripts learns it then.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::app::App;
use crate::identity::password::{Rules, Weakness, names_of};
use crate::identity::strength;
use crate::web::error::PageError;
use crate::web::form::PageForm;
use crate::web::session::SignedIn;

/// One rule, as the page lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct RuleView {
    id: &'static str,
    text: String,
    /// Nothing before a password was seen.
    met: Option<bool>,
}

/// Every rule of this instance; whether it is met once a password was seen, with its problems.
pub(super) fn rules(rules: &Rules<'_>, problems: Option<&[Weakness]>) -> Vec<RuleView> {
    let met = |broken_by: fn(&Weakness) -> bool| problems.map(|all| !all.iter().any(broken_by));
    let mut listed = vec![RuleView {
        id: "length",
        text: format!("{} to 128 characters", rules.least()),
        met: met(|one| matches!(one, Weakness::TooShort(_) | Weakness::TooLong)),
    }];
    if rules.asks_for_kinds() {
        listed.push(RuleView {
            id: "kinds",
            text: "Letters, digits and special characters".into(),
            met: met(|one| *one == Weakness::TooUniform),
        });
    }
    listed.push(RuleView {
        id: "names",
        text: format!("Without your name, your address or “{}”", rules.service),
        met: met(|one| matches!(one, Weakness::OwnName | Weakness::ServiceName)),
    });
    listed.push(RuleView {
        id: "common",
        text: "Not one of those that attackers try first".into(),
        met: met(|one| matches!(one, Weakness::Common | Weakness::Listed)),
    });
    listed
}

/// What the page's script is told.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    rules: Vec<RuleView>,
    problems: Vec<String>,
    score: Option<u8>,
    words: Option<&'static str>,
}

/// Looks at what was typed so far; nothing is kept of it.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    SignedIn { user, .. }: SignedIn,
    form: PageForm,
) -> Result<Json<Answer>, PageError> {
    let typed = form.text("password");
    let (instance, names) = (Rules::of(&app), names_of(&user));
    let problems = instance.problems(typed, &names);
    let mut known = names.clone();
    known.push(instance.service);
    let strength = strength::estimate(typed, &known).await?;
    // What may not be used at all is not praised for its length.
    let strength =
        strength.map(|strength| strength.at_most(if problems.is_empty() { 4 } else { 1 }));
    Ok(Json(Answer {
        rules: rules(&instance, Some(&problems)),
        problems: problems.iter().map(|problem| sentence(*problem)).collect(),
        score: strength.map(|strength| strength.score),
        words: strength.map(|strength| strength.words),
    }))
}

/// A problem as a sentence of its own.
pub(super) fn sentence(problem: Weakness) -> String {
    let text = problem.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
