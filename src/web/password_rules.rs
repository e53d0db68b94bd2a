//! What a new password must be like, as every page shows it on which one is chosen, and what its
//! script asks while it is typed. The server decides there as it does when the form is sent; a page
//! without scripts learns it then.

use serde::Serialize;

use crate::app::App;
use crate::identity::password::{Rules, Weakness, names_of};
use crate::identity::strength;
use crate::store::users::User;

/// One rule, as the page lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleView {
    id: &'static str,
    text: String,
    /// Nothing before a password was seen.
    met: Option<bool>,
}

/// Every rule of this instance; whether it is met once a password was seen, with its problems.
#[must_use]
pub fn rules(rules: &Rules<'_>, problems: Option<&[Weakness]>) -> Vec<RuleView> {
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
pub struct Answer {
    rules: Vec<RuleView>,
    problems: Vec<String>,
    score: Option<u8>,
    words: Option<&'static str>,
}

/// Looks at what `user` typed so far; nothing is kept of it.
pub async fn look_at(app: &App, user: &User, typed: &str) -> anyhow::Result<Answer> {
    let (instance, names) = (Rules::of(app), names_of(user));
    let problems = instance.problems(typed, &names);
    let mut known = names.clone();
    known.push(instance.service);
    let strength = strength::estimate(typed, &known).await?;
    // What may not be used at all is not praised for its length.
    let strength =
        strength.map(|strength| strength.at_most(if problems.is_empty() { 4 } else { 1 }));
    Ok(Answer {
        rules: rules(&instance, Some(&problems)),
        problems: problems.iter().map(|problem| sentence(*problem)).collect(),
        score: strength.map(|strength| strength.score),
        words: strength.map(|strength| strength.words),
    })
}

/// A problem as a sentence of its own.
#[must_use]
pub fn sentence(problem: Weakness) -> String {
    let text = problem.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// Why what was sent on a page that sets a new password does not do.
#[derive(Debug, Default)]
pub struct Refused {
    /// In one sentence.
    pub error: Option<&'static str>,
    /// What is wrong with the password, once one was seen.
    pub problems: Option<Vec<Weakness>>,
}

impl Refused {
    /// Everything that is wrong with a password of `user`, typed twice; `None` when nothing is.
    #[must_use]
    pub fn look_at(app: &App, user: &User, (password, repeat): (&str, &str)) -> Option<Self> {
        let problems = Rules::of(app).problems(password, &names_of(user));
        let error = if !problems.is_empty() {
            "This password cannot be used. Choose another one."
        } else if password != repeat {
            "The two passwords are not the same. Type both again."
        } else {
            return None;
        };
        Some(Self { error: Some(error), problems: Some(problems) })
    }

    /// With one thing that came to light only when it was to be set.
    #[must_use]
    pub fn with(problem: Weakness) -> Self {
        let error = Some("This password cannot be used. Choose another one.");
        Self { error, problems: Some(vec![problem]) }
    }

    /// The list of rules, each met or not once a password was seen.
    #[must_use]
    pub fn rules(&self, app: &App) -> Vec<RuleView> {
        rules(&Rules::of(app), self.problems.as_deref())
    }

    /// The problems as sentences.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        self.problems.iter().flatten().map(|problem| sentence(*problem)).collect()
    }
}
