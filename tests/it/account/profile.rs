//! The standard claims (OpenID Connect Core §5.1), as a person edits them.

use latchkey::paths;
use latchkey::templates::settings;
use serde_json::json;

use super::about_oneself::user;
use crate::support::flow::sign_in;
use crate::support::stage::Stage;

impl Stage {
    /// Alice, signed in.
    pub async fn signed_in() -> Self {
        let mut stage = Self::set().await;
        sign_in(&mut stage.browser, &stage.alice.clone()).await;
        stage
    }

    async fn claims(&self) -> serde_json::Value {
        user(&self.latchkey, &self.alice.id).await.claims.to_map().into()
    }
}

#[tokio::test]
async fn what_is_typed_is_kept_and_told_to_applications_that_may_know_it() {
    let mut stage = Stage::signed_in().await;
    let ask = stage.ask().with("scope", "openid profile phone address");
    let grant = stage.grant(&ask).await;
    let page = stage.browser.open(paths::ACCOUNT_PROFILE).await;
    assert_eq!(page.value("name"), "Alice Moreau");
    assert_eq!(page.value("birthdate"), "1987-04-12");
    assert!(page.says("Seen by Photo Printer"), "{page}");
    let page = page
        .fill("name", "  Alice B. Moreau ")
        .fill("nickname", "")
        .fill("birthdate", "0000-02-29")
        .fill("zoneinfo", "Asia/Kolkata")
        .fill("locale", "pt-BR")
        .fill("phone_number", "+43 1 505 00 00")
        .fill("street_address", "1 Main St\r\nBack yard")
        .fill("country", "Österreich");
    let saved = stage.browser.submit(&page, "Save the profile").await.page();
    assert_eq!(saved.url.path(), paths::ACCOUNT_PROFILE);
    assert!(saved.says("Your profile is saved."), "{saved}");
    let bearer = crate::support::endpoint::Credentials::Bearer(grant.access);
    let told = stage.latchkey.endpoints.get(paths::USERINFO, &bearer).await.good();
    assert_eq!(told["name"], "Alice B. Moreau");
    assert!(told.get("nickname").is_none(), "what is blank is left out: {told}");
    assert_eq!(told["birthdate"], "0000-02-29");
    assert_eq!((&told["zoneinfo"], &told["locale"]), (&json!("Asia/Kolkata"), &json!("pt-BR")));
    assert_eq!(told["phone_number"], "+43 1 505 00 00");
    assert_eq!(told["phone_number_verified"], false, "another number was never proven");
    assert_eq!(told["address"]["street_address"], "1 Main St\nBack yard");
    assert_eq!(told["address"]["country"], "Österreich");
    assert_eq!(told["address"]["locality"], "Paris");
    assert!(told["address"].get("formatted").is_none(), "it told of the old street: {told}");
    assert_eq!(stage.events("profile_changed").await, 1);
}

#[tokio::test]
async fn the_audit_trail_names_the_fields_but_no_values() {
    let mut stage = Stage::signed_in().await;
    let page = stage.browser.open(paths::ACCOUNT_PROFILE).await.fill("gender", "a-secret-word");
    stage.browser.submit(&page, "Save the profile").await.page();
    let mut db = stage.latchkey.app.store.read().await.expect("a connection");
    let filter = latchkey::store::events::Filter {
        user_id: Some(&stage.alice.id),
        since: None,
        before: None,
        limit: 10,
    };
    let events = latchkey::store::events::list(&mut db, filter).await.expect("events");
    let event = events.iter().find(|event| event.kind == "profile_changed").expect("the event");
    assert_eq!(event.details, json!({ "fields": ["gender"] }));
    assert!(event.address.is_some() && event.user_agent.is_some() && event.session_id.is_some());
    drop(db);
    // Nothing changed is no event.
    let page = stage.browser.open(paths::ACCOUNT_PROFILE).await;
    stage.browser.submit(&page, "Save the profile").await.page();
    assert_eq!(stage.events("profile_changed").await, 1);
}

#[tokio::test]
async fn what_cannot_be_is_said_beside_its_field_and_stays_typed() {
    let mut stage = Stage::signed_in().await;
    let before = stage.claims().await;
    for (field, typed) in [
        ("birthdate", "12.04.1987"),
        ("birthdate", "1987-02-30"),
        ("zoneinfo", "Europe/Atlantis"),
        ("locale", "english please"),
        ("phone_number", "call me"),
        ("website", "http://alice.example/"),
        ("picture", "javascript:alert(1)"),
        ("profile", "https://user:pass word@x"),
        ("name", &"x".repeat(1001)),
        ("postal_code", "a\tb"),
    ] {
        let page = stage.browser.open(paths::ACCOUNT_PROFILE).await;
        let page = page.fill("nickname", "kept").fill(field, typed);
        let again = stage.browser.submit(&page, "Save the profile").await.page();
        assert_eq!(again.status, 422, "{field} {typed:?}: {again}");
        assert_eq!(again.value(field), typed, "{field}");
        assert_eq!(again.value("nickname"), "kept", "{field}");
        let wrong = again.attributes("[aria-invalid=true]", "id");
        assert_eq!(wrong, [field], "{again}");
        let told = again.texts(&format!("#{field}-error"));
        assert!(told.len() == 1 && !told[0].is_empty(), "{field}: {told:?}");
    }
    assert_eq!(stage.claims().await, before);
    assert_eq!(stage.events("profile_changed").await, 0);
}

#[tokio::test]
async fn s_145_only_the_fields_of_the_form_can_be_set() {
    let mut stage = Stage::signed_in().await;
    let before = user(&stage.latchkey, &stage.alice.id).await;
    let page = stage.browser.open(paths::ACCOUNT_PROFILE).await.fill("nickname", "Al");
    let mut form = page.submission("Save the profile");
    for (name, value) in [
        ("sub", "u-1"),
        ("id", "u-1"),
        ("username", "root"),
        ("email", "mallory@evil.example"),
        ("email_verified", "true"),
        ("phone_number_verified", "true"),
        ("preferred_username", "admin"),
        ("updated_at", "1"),
        ("admin", "1"),
        ("is_admin", "on"),
        ("admin_at", "1"),
        ("member_of", "staff"),
        ("groups", "staff"),
        ("address", "{}"),
        ("claims", "{\"email_verified\":true}"),
        ("appearance", "{}"),
        ("removal_at", "1"),
    ] {
        form.fields.push((name.to_owned(), value.to_owned()));
    }
    let saved = stage.browser.send(&page, form).await.page();
    assert!(saved.says("Your profile is saved."), "{saved}");
    let after = user(&stage.latchkey, &stage.alice.id).await;
    let mut expected = before.clone();
    expected.claims.nickname = Some("Al".to_owned());
    expected.updated_at = after.updated_at;
    assert_eq!(format!("{after:?}"), format!("{expected:?}"));
}

#[tokio::test]
async fn mails_about_sign_ins_can_be_turned_off_and_on() {
    let mut stage = Stage::signed_in().await;
    stage.latchkey.pass_seconds(1);
    let page = stage.browser.open(paths::ACCOUNT_PROFILE).await.untick("sign_in_mails");
    let saved = stage.browser.submit(&page, "Save the choice").await.page();
    assert!(saved.says("Your choice of mails is saved."), "{saved}");
    assert!(user(&stage.latchkey, &stage.alice.id).await.sign_in_mails_off_at.is_some());
    assert!(saved.attributes("#sign_in_mails[checked]", "id").is_empty());
    let page = saved.tick("sign_in_mails");
    let saved = stage.browser.submit(&page, "Save the choice").await.page();
    assert!(user(&stage.latchkey, &stage.alice.id).await.sign_in_mails_off_at.is_none());
    assert_eq!(saved.attributes("#sign_in_mails[checked]", "id").len(), 1);
    stage.browser.submit(&saved, "Save the choice").await.page();
    // Either is told among the changes, once, and that they are off by mail.
    for kind in ["sign_in_mails_off", "sign_in_mails_on"] {
        assert_eq!(stage.events(kind).await, 1, "{kind}");
    }
    assert_eq!(stage.events("profile_changed").await, 0);
    let changes = stage.browser.open(paths::ACCOUNT_CHANGES).await;
    for words in
        ["Mails about new sign-ins were turned on", "Mails about new sign-ins were turned off"]
    {
        assert!(changes.says(words), "{changes}");
    }
    let told = stage.latchkey.mail_about("new sign-ins are off").await;
    assert_eq!(told.to, stage.alice.email);
}

#[tokio::test]
async fn turning_mails_about_sign_ins_off_needs_a_fresh_proof_and_on_needs_none() {
    let mut stage = Stage::signed_in().await;
    let alice = stage.alice.clone();
    stage.latchkey.pass_seconds(301);
    let page = stage.browser.open(paths::ACCOUNT_PROFILE).await.untick("sign_in_mails");
    let asked = stage.browser.submit(&page, "Save the choice").await.page();
    assert_eq!(asked.url.path(), paths::ACCOUNT_CONFIRM, "{asked}");
    assert!(user(&stage.latchkey, &alice.id).await.sign_in_mails_off_at.is_none());
    let asked = asked.fill("password", &alice.password);
    let back = stage.browser.submit(&asked, "Confirm").await.page();
    assert_eq!(back.url.path(), paths::ACCOUNT_PROFILE, "{back}");
    assert!(back.says("save the choice once more"), "{back}");
    assert!(back.attributes("#sign_in_mails[checked]", "id").is_empty(), "as it was chosen");
    let saved = stage.browser.submit(&back, "Save the choice").await.page();
    assert!(saved.says("Your choice of mails is saved."), "{saved}");
    assert!(user(&stage.latchkey, &alice.id).await.sign_in_mails_off_at.is_some());
    stage.latchkey.pass_seconds(301);
    let page = stage.browser.open(paths::ACCOUNT_PROFILE).await.tick("sign_in_mails");
    stage.browser.submit(&page, "Save the choice").await.page();
    assert!(user(&stage.latchkey, &alice.id).await.sign_in_mails_off_at.is_none());
}

#[tokio::test]
async fn every_setting_leads_to_a_page_that_is_there() {
    let mut stage = Stage::signed_in().await;
    for setting in settings::SETTINGS {
        let page = stage.browser.open(setting.url).await;
        assert_eq!(page.status, 200, "{}: {page}", setting.url);
        let anchor = setting.url.split_once('#').map(|(_, anchor)| format!("#{anchor}"));
        if let Some(anchor) = anchor {
            assert!(!page.texts(&anchor).is_empty() || !page.attributes(&anchor, "id").is_empty());
        }
    }
}

#[tokio::test]
async fn a_setting_is_found_without_scripts() {
    let mut stage = Stage::signed_in().await;
    let page = stage.browser.open(paths::ACCOUNT_SECURITY).await.fill("q", "dark");
    let form = page.form_with("q").submission(None);
    let found = stage.browser.send(&page, form).await.page();
    assert_eq!(found.url.path(), paths::ACCOUNT_FIND);
    assert_eq!(found.value("Words"), "dark");
    assert_eq!(found.texts(".links .who-name"), ["Light or dark"]);
    let there = found.link("Light or dark");
    assert_eq!((there.path(), there.fragment()), (paths::ACCOUNT_APPEARANCE, Some("theme")));
    let none = stage.browser.open("/account/find?q=%3Cscript%3Eunicorn").await;
    assert!(none.says("No setting has these words"), "{none}");
    assert!(!none.body.contains("<script>unicorn"));
}

#[tokio::test]
async fn every_setting_that_is_found_is_there() {
    let mut stage = Stage::signed_in().await;
    for setting in latchkey::templates::settings::SETTINGS {
        let (path, anchor) = setting.url.split_once('#').unwrap_or((setting.url, ""));
        // The other pages of the account are looked at by their own tests.
        if !paths::PAGES.contains(&path) {
            continue;
        }
        let page = stage.browser.open(path).await;
        assert_eq!(page.status, 200, "{}", setting.url);
        if !anchor.is_empty() {
            let target = page.attributes(&format!("#{anchor}"), "id");
            assert_eq!(target.len(), 1, "{} leads nowhere", setting.url);
        }
    }
}
