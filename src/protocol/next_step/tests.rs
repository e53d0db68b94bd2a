//! S-146 to S-153: what is asked when.

use serde_json::json;

use super::*;
use crate::protocol::authorization_request::check;
use crate::protocol::error::ErrorCode;
use crate::protocol::parameters::Parameters;

const ASKED_AT: Timestamp = Timestamp::from_seconds(1_000_000);

/// What a case starts from: alice signed in 100 s before the request and allowed all of it.
struct Case {
    request: AuthorizationRequest,
    client: ClientMetadata,
    presence: Option<Presence>,
    owes: bool,
    selected: bool,
    hinted: Option<&'static str>,
    consented: Option<Scope>,
    decision: Option<Decision>,
}

fn case(more: &str) -> Case {
    case_of(more, &json!({}))
}

fn case_of(more: &str, metadata: &serde_json::Value) -> Case {
    let mut all = json!({"client_id": "c", "redirect_uris": ["https://app.example/cb"]});
    all.as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
    let client = ClientMetadata::check(all).unwrap();
    let uri = &client.redirect_uris[0];
    let proof =
        "code_challenge_method=S256&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let query = format!(
        "client_id=c&redirect_uri={uri}&response_type=code&scope=openid email&{proof}&{more}"
    );
    let request = check(&Parameters::parse(query.as_bytes()).unwrap(), &client).unwrap();
    let consented = Some(Scope::parse("openid email").unwrap());
    let (owes, selected, hinted, decision) = (false, false, None, None);
    Case {
        request,
        client,
        presence: Some(alice(-100)),
        owes,
        selected,
        hinted,
        consented,
        decision,
    }
}

fn alice(seconds: i64) -> Presence {
    let auth_time = Timestamp::from_millis(ASKED_AT.millis() + seconds * 1000);
    Presence { user_id: "alice".to_owned(), auth_time, second_factor: false }
}

impl Case {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn step(&self) -> String {
        let step = decide(&Circumstances {
            request: &self.request,
            client: &self.client,
            presence: self.presence.as_ref(),
            owes_second_factor: self.owes,
            asked_at: ASKED_AT,
            account_selected: self.selected,
            hinted_user: self.hinted,
            consented: self.consented.as_ref(),
            decision: self.decision,
            now: ASKED_AT + Duration::from_mins(10),
        });
        match step {
            NextStep::SignIn { afresh } => {
                if afresh { "sign in afresh" } else { "sign in" }.to_owned()
            }
            NextStep::SecondFactor => "second factor".to_owned(),
            NextStep::SelectAccount => "select account".to_owned(),
            NextStep::Consent { new, known } => format!("consent new [{new}] known [{known}]"),
            NextStep::Answer { scope } => format!("answer {scope}"),
            NextStep::Refuse(error) => error.code.name().to_owned(),
        }
    }
}

const ANSWER: &str = "answer openid email";

#[test]
fn a_person_signs_in_and_consents_once() {
    let nobody = |c: &mut Case| c.presence = None;
    let owing = |c: &mut Case| (c.presence, c.owes) = (None, true);
    let allowed = |text: &'static str| move |c: &mut Case| c.consented = Scope::parse(text).ok();
    assert_eq!(case("").with(nobody).step(), "sign in");
    assert_eq!(case("").with(owing).step(), "second factor");
    assert_eq!(case("").with(|c| c.owes = true).step(), ANSWER);
    assert_eq!(case("").with(|c| c.consented = None).step(), "consent new [openid email] known []");
    assert_eq!(case("").with(allowed("openid")).step(), "consent new [email] known [openid]");
    assert_eq!(case("").with(allowed("openid email phone")).step(), ANSWER);
    assert_eq!(case("prompt=consent").step(), "consent new [] known [openid email]");
    for (decision, step) in [(Decision::Allowed, ANSWER), (Decision::Denied, "access_denied")] {
        let decided = |c: &mut Case| (c.consented, c.decision) = (None, Some(decision));
        assert_eq!(case("prompt=consent").with(decided).step(), step);
    }
    let claims = "claims={\"userinfo\":{\"name\":null}}";
    assert_eq!(case(claims).step(), "consent new [profile] known [openid email]");
    let cancelled = |c: &mut Case| (c.presence, c.decision) = (None, Some(Decision::Denied));
    assert_eq!(case("prompt=login").with(cancelled).step(), "access_denied");
}

#[test]
fn who_cannot_prove_to_be_the_client_asks_each_time_and_the_operators_own_else_never() {
    let again = "consent new [] known [openid email]";
    let public = "none";
    for uri in ["com.example.app:/cb", "http://127.0.0.1/cb", "http://localhost/cb"] {
        let app = json!({"redirect_uris": [uri], "token_endpoint_auth_method": public});
        assert_eq!(case_of("", &app).step(), again, "{uri}");
        assert_eq!(case_of("prompt=none", &app).step(), "consent_required", "{uri}");
        let ours = json!({"redirect_uris": [uri], "token_endpoint_auth_method": public, "first_party": true});
        assert_eq!(case_of("", &ours).step(), again, "{uri}");
        assert_eq!(case_of("prompt=none", &ours).step(), "consent_required", "{uri}");
    }
    assert_eq!(case_of("", &json!({"token_endpoint_auth_method": public})).step(), ANSWER);
    let ours = json!({"first_party": true});
    assert_eq!(case_of("", &ours).with(|c| c.consented = None).step(), ANSWER);
    assert_eq!(case_of("prompt=consent", &ours).step(), again);
}

#[test]
fn prompt_none_never_asks() {
    let none = |more: &str| case(&format!("prompt=none&{more}"));
    let mfa =
        "claims={\"id_token\":{\"acr\":{\"essential\":true,\"value\":\"urn:latchkey:acr:mfa\"}}}";
    assert_eq!(none("").step(), ANSWER);
    assert_eq!(none("").with(|c| c.presence = None).step(), "login_required");
    assert_eq!(none("").with(|c| c.consented = None).step(), "consent_required");
    assert_eq!(none("max_age=99").step(), "login_required");
    assert_eq!(none("max_age=100").step(), ANSWER);
    assert_eq!(
        none("").with(|c| (c.presence, c.owes) = (None, true)).step(),
        "interaction_required"
    );
    assert_eq!(none(mfa).step(), "unmet_authentication_requirements");
    assert_eq!(none("").with(|c| c.hinted = Some("bob")).step(), "login_required");
    assert_eq!(none("").with(|c| c.hinted = Some("alice")).step(), ANSWER);
}

#[test]
fn fresh_means_since_the_request_came_in() {
    for more in ["prompt=login", "max_age=0", "max_age=99"] {
        assert_eq!(case(more).step(), "sign in afresh", "{more}");
        assert_eq!(case(more).with(|c| c.owes = true).step(), "second factor", "{more}");
        assert_eq!(case(more).with(|c| c.presence = Some(alice(0))).step(), ANSWER, "{more}");
        assert_eq!(
            case(more).with(|c| c.presence = Some(alice(3600))).step(),
            "sign in afresh",
            "{more}"
        );
    }
    assert_eq!(case("max_age=18446744073709551615").step(), ANSWER);
    assert_eq!(case("").with(|c| c.hinted = Some("bob")).step(), "sign in afresh");
}

#[test]
fn an_account_is_chosen_once() {
    let choose = "prompt=select_account";
    assert_eq!(case(choose).step(), "select account");
    assert_eq!(case(choose).with(|c| c.presence = None).step(), "sign in");
    assert_eq!(case(choose).with(|c| c.selected = true).step(), ANSWER);
    assert_eq!(case(choose).with(|c| c.owes = true).step(), "second factor");
    assert_eq!(case(choose).with(|c| c.presence = Some(alice(5))).step(), ANSWER);
    assert_eq!(
        case("prompt=select_account login").with(|c| c.selected = true).step(),
        "sign in afresh"
    );
}

#[test]
fn an_essential_acr_is_a_condition_and_acr_values_a_wish() {
    let acr = |acr: &str| case(&format!("claims={{\"id_token\":{{\"acr\":{acr}}}}}"));
    let essential = |value: &str| acr(&format!("{{\"essential\":true,\"values\":[\"{value}\"]}}"));
    let strong = |c: &mut Case| c.presence.as_mut().unwrap().second_factor = true;
    assert_eq!(case("acr_values=urn:latchkey:acr:mfa").step(), ANSWER);
    assert_eq!(acr("{\"value\":\"urn:latchkey:acr:mfa\"}").step(), ANSWER);
    assert_eq!(acr("{\"essential\":true}").step(), ANSWER);
    assert_eq!(essential(ACR_PASSWORD).with(strong).step(), ANSWER);
    assert_eq!(essential(ACR_MFA).with(strong).step(), ANSWER);
    assert_eq!(essential(ACR_MFA).step(), "sign in afresh");
    assert_eq!(essential(ACR_MFA).with(|c| c.owes = true).step(), "second factor");
    for hopeless in
        [essential(ACR_MFA).with(|c| c.presence = Some(alice(5))), essential("urn:other")]
    {
        assert_eq!(hopeless.step(), ErrorCode::UnmetAuthenticationRequirements.name());
    }
}

#[test]
fn in_all_circumstances_silence_is_kept_and_an_answer_is_deserved() {
    let people = [None, Some(alice(-100)), Some(alice(5))];
    let decisions = [None, Some(Decision::Allowed), Some(Decision::Denied)];
    let answers = [None, Some("openid"), Some("openid email")];
    for more in ["", "prompt=none", "prompt=login", "prompt=consent", "prompt=select_account"] {
        for bits in 0..108_usize {
            let person = people[bits % 3].clone();
            let (decision, allowed) = (decisions[bits / 3 % 3], answers[bits / 9 % 3]);
            let (owes, hinted) = (bits / 27 % 2 == 1, (bits / 54 == 1).then_some("bob"));
            let step = case(more)
                .with(|c| (c.presence, c.decision, c.owes) = (person.clone(), decision, owes))
                .with(|c| c.hinted = hinted)
                .with(|c| c.consented = allowed.and_then(|text| Scope::parse(text).ok()))
                .step();
            let told = step == ANSWER || step.ends_with("_required") || step == "access_denied";
            assert!(told || more != "prompt=none", "{more} {bits} {step}");
            if step == ANSWER {
                let agreed = decision == Some(Decision::Allowed) || allowed == answers[2];
                assert!(person.is_some() && hinted.is_none() && agreed, "{more} {bits}");
                assert_ne!(decision, Some(Decision::Denied), "{more} {bits}");
                let fresh = person == people[2];
                assert!(fresh || !["prompt=login", "prompt=select_account"].contains(&more));
            }
        }
    }
}
