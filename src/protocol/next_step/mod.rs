//! What a person must do before an authorization request can be answered: one pure decision.

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::authorization_request::AuthorizationRequest;
use super::client::ClientMetadata;
use super::error::OAuthError;
use super::scope::Scope;
use crate::clock::Timestamp;

/// The authentication context class of a sign-in by password (OpenID Connect Core §2).
pub const ACR_PASSWORD: &str = "urn:latchkey:acr:password";

/// The authentication context class of a sign-in by password and second factor.
pub const ACR_MFA: &str = "urn:latchkey:acr:mfa";

/// Every authentication context class, for `acr_values_supported`.
pub const ACR_VALUES: [&str; 2] = [ACR_PASSWORD, ACR_MFA];

/// How far the clocks of two nodes may stand apart.
const CLOCK_SKEW: Duration = Duration::from_mins(1);

/// A live browser session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Whose.
    pub user_id: String,
    /// When that person last proved who they are.
    pub auth_time: Timestamp,
    /// Whether a second factor was part of it.
    pub second_factor: bool,
}

impl Presence {
    /// The class of the sign-in, for the `acr` claim.
    #[must_use]
    pub const fn acr(&self) -> &'static str {
        if self.second_factor { ACR_MFA } else { ACR_PASSWORD }
    }

    /// Whether the sign-in is of that class or of a stronger one.
    fn reaches(&self, acr: &str) -> bool {
        acr == ACR_PASSWORD || acr == self.acr()
    }
}

/// What a person answered on the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allowed,
    /// No; also when signing in was cancelled.
    Denied,
}

/// All that the decision depends on.
#[derive(Clone, Debug)]
pub struct Circumstances<'a> {
    /// What was asked.
    pub request: &'a AuthorizationRequest,
    /// By whom.
    pub client: &'a ClientMetadata,
    /// Who is here.
    pub presence: Option<&'a Presence>,
    /// Whether somebody has proven a password in this browser and owes the second factor.
    pub owes_second_factor: bool,
    /// When the request came in.
    pub asked_at: Timestamp,
    /// Whether an account was chosen for this request.
    pub account_selected: bool,
    /// Who it must be, by `id_token_hint`.
    pub hinted_user: Option<&'a str>,
    /// What this person has allowed this client so far.
    pub consented: Option<&'a Scope>,
    /// What this person answered to this very request.
    pub decision: Option<Decision>,
    /// The present.
    pub now: Timestamp,
}

/// What comes next.
#[derive(Debug)]
pub enum NextStep {
    /// The person signs in; afresh if the session that is there does not do.
    SignIn {
        /// Whether somebody is signed in already.
        afresh: bool,
    },
    /// The person presents the second factor.
    SecondFactor,
    /// The person chooses an account.
    SelectAccount,
    /// The person is asked for consent.
    Consent {
        /// What this client was not allowed before.
        new: Scope,
        /// What it was.
        known: Scope,
    },
    /// The client gets its code.
    Answer {
        /// For this.
        scope: Scope,
    },
    /// The client is told why not.
    Refuse(OAuthError),
}

/// Decides; called anew after every step, so that steps need not know each other.
#[must_use]
pub fn decide(c: &Circumstances<'_>) -> NextStep {
    if c.decision == Some(Decision::Denied) {
        return NextStep::Refuse(OAuthError::access_denied("the person refused"));
    }
    let presence = match who(c) {
        Ok(presence) => presence,
        Err(step) => return step,
    };
    how_strongly(c, presence)
        .or_else(|| what(c))
        .unwrap_or_else(|| NextStep::Answer { scope: c.request.scope.clone() })
}

/// The right person, recently enough signed in; or what must be done about it.
fn who<'a>(c: &Circumstances<'a>) -> Result<&'a Presence, NextStep> {
    let Some(presence) = c.presence else {
        return Err(match (c.request.prompt.none(), c.owes_second_factor) {
            (true, true) => refuse_silently("the second factor is owed"),
            (true, false) => not_signed_in(),
            (false, _) => sign_in(c),
        });
    };
    // Signing in for this request chose the account too.
    let chosen = c.account_selected || is_since(c, presence, c.asked_at);
    if c.request.prompt.select_account() && !chosen {
        return Err(if c.owes_second_factor {
            NextStep::SecondFactor
        } else {
            NextStep::SelectAccount
        });
    }
    let right = c.hinted_user.is_none_or(|hinted| hinted == presence.user_id);
    if right && is_recent(c, presence) {
        return Ok(presence);
    }
    Err(if c.request.prompt.none() { not_signed_in() } else { sign_in(c) })
}

fn not_signed_in() -> NextStep {
    NextStep::Refuse(OAuthError::login_required("the person must sign in"))
}

fn refuse_silently(why: &'static str) -> NextStep {
    NextStep::Refuse(OAuthError::interaction_required(why))
}

fn sign_in(c: &Circumstances<'_>) -> NextStep {
    if c.owes_second_factor {
        return NextStep::SecondFactor;
    }
    NextStep::SignIn { afresh: c.presence.is_some() }
}

/// `prompt=login` and `max_age`, both counted from when the request came in, so that a person who
/// reads the consent page slowly is not sent round and round.
fn is_recent(c: &Circumstances<'_>, presence: &Presence) -> bool {
    let by_prompt = !c.request.prompt.login() || is_since(c, presence, c.asked_at);
    let by_age = c
        .request
        .max_age
        .is_none_or(|seconds| is_since(c, presence, c.asked_at - Duration::from_secs(seconds)));
    by_prompt && by_age
}

/// Whether the person signed in at that time or later; a sign-in of the future proves nothing.
fn is_since(c: &Circumstances<'_>, presence: &Presence, time: Timestamp) -> bool {
    presence.auth_time >= time && presence.auth_time <= c.now + CLOCK_SKEW
}

/// An essential `acr` is a condition; `acr_values` is only a wish (OpenID Connect Core §5.5.1.1).
fn how_strongly(c: &Circumstances<'_>, presence: &Presence) -> Option<NextStep> {
    let wanted = c.request.claims.essential_acr();
    if wanted.is_empty() || wanted.iter().any(|acr| presence.reaches(acr)) {
        return None;
    }
    let can_be_reached = wanted.contains(&ACR_MFA);
    let tried = is_since(c, presence, c.asked_at);
    let can_try = !c.request.prompt.none() && (c.owes_second_factor || !tried);
    if can_be_reached && can_try {
        return Some(sign_in(c));
    }
    Some(NextStep::Refuse(OAuthError::unmet_authentication_requirements(
        "the person cannot sign in as strongly as 'claims' demands",
    )))
}

/// Consent to all that is asked, by this person, where it must be asked.
fn what(c: &Circumstances<'_>) -> Option<NextStep> {
    if c.decision == Some(Decision::Allowed) {
        return None;
    }
    let asked = c.request.consent_scope();
    let nothing = Scope::default();
    let allowed = c.consented.unwrap_or(&nothing);
    // RFC 8252 §8.6: whoever listens on the port or claims the scheme would get a silent answer.
    // That it is ours, too: nobody knows whether this is it.
    let proven = c.client.redirects_prove_identity();
    let standing = c.client.first_party || asked.is_subset_of(allowed);
    if !c.request.prompt.consent() && proven && standing {
        return None;
    }
    if c.request.prompt.none() {
        let why = "the person must be asked for consent";
        return Some(NextStep::Refuse(OAuthError::consent_required(why)));
    }
    Some(NextStep::Consent { new: asked.minus(allowed), known: asked.intersect(allowed) })
}
