//! Passwords: their rules, their change, and the proofs that stand before what matters
//! (S-085, S-116, S-131 … S-136, S-142).

use std::time::{Duration, Instant};

use latchkey::paths;
use latchkey::secret::sha256;
use latchkey::store::links::{self, Link, Purpose};
use reqwest::Url;
use serde_json::json;

use crate::account::scene::{NEW, SEED, Scene, change, is_changed};
use crate::support::browser::{Browser, http};
use crate::support::flow::{post_raw, sign_in, sign_in_with, totp};
use crate::support::people::PASSWORD;
use crate::support::stage::{Grant, Stage, walk_on};
use crate::support::{Latchkey, in_haste};

/// Longer than a proof is fresh.
const STALE: u64 = 301;

/// Whether a session cookie of this value is anybody's.
async fn is_anybodys(latchkey: &Latchkey, session: &str) -> bool {
    let url = latchkey.at(paths::ACCOUNT_SECURITY);
    let request = http().get(url).header("cookie", format!("latchkey_session={session}"));
    request.send().await.expect("an answer").status() == 200
}

#[tokio::test]
async fn s_085_confirming_and_a_new_password_give_a_new_cookie_and_the_old_one_is_dead() {
    let mut scene = Scene::set().await;
    let first = scene.session();
    scene.latchkey.pass_seconds(STALE);
    let page = scene.browser.open(paths::ACCOUNT_CONFIRM).await.fill("password", PASSWORD);
    scene.browser.submit(&page, "Confirm").await.page();
    let second = scene.session();
    assert!(is_changed(&change(&mut scene.browser, PASSWORD, NEW).await));
    let third = scene.session();
    assert!(first != second && second != third && first != third);
    for (session, alive) in [(&first, false), (&second, false), (&third, true)] {
        assert_eq!(is_anybodys(&scene.latchkey, session).await, alive);
    }
    // A form from before is worth nothing.
    assert_eq!(scene.browser.submit(&page, "Confirm").await.page().status, 403);
}

#[tokio::test]
async fn s_116_confirming_and_the_current_password_are_counted_together() {
    let mut scene = Scene::set().await;
    scene.latchkey.pass_seconds(STALE);
    for _ in 0..3 {
        assert_eq!(change(&mut scene.browser, "wrong", NEW).await.status, 422);
    }
    let confirm = async |browser: &mut Browser, password: &str| {
        let page = browser.open(paths::ACCOUNT_CONFIRM).await.fill("password", password);
        browser.submit(&page, "Confirm").await.page()
    };
    for _ in 0..2 {
        assert_eq!(confirm(&mut scene.browser, "wrong").await.status, 422);
    }
    // From here on not even the right one is looked at, at either door.
    assert_eq!(confirm(&mut scene.browser, PASSWORD).await.status, 429);
    assert_eq!(change(&mut scene.browser, PASSWORD, NEW).await.status, 429);
    // Its owner signs in anew; nobody who holds one session keeps them out.
    scene.browser = scene.signed_in(PASSWORD).await;
    assert!(is_changed(&change(&mut scene.browser, PASSWORD, NEW).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn s_116_no_race_gets_more_tries() {
    let mut scene = Scene::on(Latchkey::start_with(in_haste).await, false).await;
    scene.latchkey.pass_seconds(STALE);
    let page = scene.browser.open(paths::ACCOUNT_CONFIRM).await.fill("password", "wrong");
    let form = page.submission("Confirm");
    let headers = [("sec-fetch-site", "same-origin")];
    let tries = (0..12).map(|_| post_raw(&scene.browser, &form.action, &form.fields, &headers));
    let answers = futures_util::future::join_all(tries).await;
    let looked_at = answers.iter().filter(|answer| answer.status() == 422).count();
    assert!(looked_at <= 5, "{answers:?}");
    assert!(answers.iter().any(|answer| answer.status() == 429), "{answers:?}");
}

#[tokio::test]
async fn s_131_length_is_counted_in_characters_and_nothing_is_cut() {
    let mut scene = Scene::set().await;
    let of = |length: usize| format!("a1!{}", "\u{e9}x".repeat(100)).chars().take(length).collect();
    let mut old = PASSWORD.to_owned();
    for (length, fits) in [(7, false), (8, true), (64, true), (128, true), (129, false)] {
        let new: String = of(length);
        let page = change(&mut scene.browser, &old, &new).await;
        assert_eq!(is_changed(&page), fits, "{length}: {page}");
        assert_eq!(scene.opens(&new).await, fits, "{length}");
        if fits {
            old = new;
        }
    }
    let nist = |config: &mut latchkey::config::Config| {
        config.password.policy = latchkey::config::PasswordPolicy::Nist;
    };
    let mut scene = Scene::on(Latchkey::start_with(nist).await, false).await;
    let page = change(&mut scene.browser, PASSWORD, "fourteen-chars").await;
    assert!(!is_changed(&page), "{page}");
    let page = change(&mut scene.browser, PASSWORD, "fifteen-letters").await;
    assert!(is_changed(&page), "S-135: no kind of character is asked for: {page}");
}

#[tokio::test]
async fn s_132_every_character_counts() {
    let mut scene = Scene::set().await;
    let long = format!("a1!{}", "z".repeat(80));
    let (one, other) = (format!("{long}1"), format!("{long}2"));
    assert!(is_changed(&change(&mut scene.browser, PASSWORD, &one).await));
    assert!(scene.opens(&one).await);
    for near in [other.as_str(), &one.to_uppercase(), long.as_str(), &format!("{one} ")] {
        assert!(!scene.opens(near).await, "{near}");
    }
    // What no keyboard writes is no password, at any door.
    let page = change(&mut scene.browser, &one, "N3w-Harbour\0%Gull").await;
    assert_eq!(page.status, 400, "{page}");
}

#[tokio::test]
async fn s_133_a_monster_is_refused_before_anything_is_computed() {
    let mut scene = Scene::set().await;
    scene.latchkey.pass_seconds(STALE);
    let confirm = scene.browser.open(paths::ACCOUNT_CONFIRM).await;
    let password = scene.browser.open(paths::ACCOUNT_PASSWORD).await;
    let own = password.submission("Change password").fields;
    let csrf = |fields: &[(String, String)]| {
        fields.iter().filter(|(name, _)| name == "csrf").cloned().collect::<Vec<_>>()
    };
    let token = csrf(&confirm.submission("Confirm").fields);
    for size in [20_000, 1_000_000] {
        let monster = "aA1!".repeat(size / 4);
        for (path, names) in [
            (paths::ACCOUNT_CONFIRM, &["password"][..]),
            (paths::ACCOUNT_PASSWORD, &["new_password", "new_password_again"]),
            (paths::ACCOUNT_PASSWORD_CHECK, &["password"]),
        ] {
            let mut fields =
                if path == paths::ACCOUNT_PASSWORD { csrf(&own) } else { token.clone() };
            fields.extend(names.iter().map(|name| ((*name).to_owned(), monster.clone())));
            let url: Url = scene.latchkey.at(path).parse().expect("an address");
            let headers = [("sec-fetch-site", "same-origin")];
            let begun = Instant::now();
            let status = post_raw(&scene.browser, &url, &fields, &headers).await.status().as_u16();
            // The listener itself takes less than a megabyte; behind it the length alone decides.
            let refused = if path == paths::ACCOUNT_PASSWORD_CHECK { 200 } else { 422 };
            assert!([refused, 400, 413].contains(&status), "{path} with {size}: {status}");
            let elapsed = begun.elapsed();
            assert!(elapsed < Duration::from_millis(1500), "{path} with {size}: {elapsed:?}");
        }
    }
    assert!(scene.opens(PASSWORD).await);
}

#[tokio::test]
async fn s_134_the_same_password_from_another_keyboard() {
    let mut scene = Scene::set().await;
    let mut old = PASSWORD.to_owned();
    for (composed, decomposed) in [
        ("caf\u{e9}-n0rd\u{f6}st", "cafe\u{301}-n0rdo\u{308}st"),
        ("\u{1f511}\u{1f6aa}-house-7", "\u{1f511}\u{1f6aa}-house-7"),
        (
            "\u{5de}\u{5e4}\u{5ea}\u{5d7}-\u{5d3}\u{5dc}\u{5ea}-42",
            "\u{5de}\u{5e4}\u{5ea}\u{5d7}-\u{5d3}\u{5dc}\u{5ea}-42",
        ),
    ] {
        let page = change(&mut scene.browser, &old, composed).await;
        assert!(is_changed(&page), "{composed}: {page}");
        assert!(scene.opens(decomposed).await, "{composed}");
        let again = change(&mut scene.browser, decomposed, composed).await;
        assert!(again.says("It is the same as your current one."), "{again}");
        composed.clone_into(&mut old);
    }
}

#[tokio::test]
async fn s_135_what_attackers_try_first_is_refused_with_its_reason() {
    let mut scene = Scene::set().await;
    let tried = "It is among the passwords that attackers try first.";
    for (new, reason) in [
        ("Password1!", tried),
        ("Passw0rd!!", tried),
        ("Qwerty123!", tried),
        ("iloveyou-1", tried),
        ("1q2w3e4r!", tried),
        ("Trustno1!", tried),
        ("L3tmein!2024", tried),
        ("latchkey-4-Me", "It must not contain the name of this service."),
        ("xx-ALICE-99", "It must not contain your own name or address."),
        ("xx-moreau-99", "It must not contain your own name or address."),
    ] {
        let page = change(&mut scene.browser, PASSWORD, new).await;
        assert!(page.status == 422 && page.says(reason), "{new}: {page}");
    }
    assert!(is_changed(&change(&mut scene.browser, PASSWORD, "gr8-Walrus+Pipe").await));
}

#[tokio::test]
async fn s_136_a_change_needs_the_current_password() {
    let mut scene = Scene::set().await;
    for wrong in ["", "not-the-Passw0rd!", &PASSWORD.to_uppercase()] {
        let page = change(&mut scene.browser, wrong, NEW).await;
        assert_eq!(page.status, 422, "{page}");
        assert!(page.says("The current password is not right."), "{page}");
    }
    assert!(scene.opens(PASSWORD).await && !scene.opens(NEW).await);
    assert!(scene.events("password_changed").await.is_empty());
    assert_eq!(scene.events("confirmed").await.len(), 3, "each is in the trail");
}

#[tokio::test]
async fn s_136_what_hung_on_the_old_password_ends_with_it() {
    let mut scene = Scene::set().await;
    let app = scene.latchkey.app.clone();
    // A link to choose another one, and somebody who knew the old one and owes the code.
    let now = app.clock.now();
    let token_hash = sha256("a link");
    let link = Link {
        token_hash: token_hash.clone(),
        purpose: Purpose::Recovery.name().into(),
        user_id: scene.alice.id.clone(),
        details: json!({}),
        created_at: now,
        expires_at: now + Duration::from_mins(30),
        used_at: None,
    };
    let mut db = app.store.write().await.expect("a write");
    links::insert(&mut db, &link).await.expect("a link");
    db.commit().await.expect("a commit");
    let mut other = scene.signed_in(PASSWORD).await;
    scene.latchkey.enrol(&scene.alice, SEED).await;
    let mut halfway = scene.latchkey.browser();
    let owed = sign_in_with(&mut halfway, "alice", PASSWORD).await;
    assert_eq!(owed.url.path(), paths::LOGIN_TWO_FACTOR);
    let trusted = trust_all(&scene).await;
    assert!(trusted > 0);

    let page = scene.browser.open(paths::ACCOUNT_PASSWORD).await;
    let page = page.fill("password", PASSWORD).fill("new_password", NEW);
    let page = page.fill("new_password_again", NEW).fill("code", &scene.code());
    let page = scene.browser.submit(&page, "Change password").await.page();
    assert!(is_changed(&page) && page.says("will ask for a code again"), "{page}");

    assert!(!Scene::is_signed_in(&mut other).await);
    let mut db = app.store.read().await.expect("a read");
    let found = links::find(&mut db, Purpose::Recovery, &token_hash, now).await.expect("an answer");
    assert!(found.is_none(), "the mailed link is dead");
    drop(db);
    scene.latchkey.pass_seconds(30);
    let owed = owed.fill("code", &scene.code());
    let page = halfway.submit(&owed, "Verify").await.page();
    assert_eq!(page.url.path(), paths::LOGIN, "the old password leads nowhere: {page}");
    let mut db = app.store.read().await.expect("a read");
    let devices = latchkey::store::devices::list(&mut db, &scene.alice.id).await.expect("a list");
    assert!(devices.iter().all(|device| device.trusted_until.is_none()));
}

/// Trusts every browser of Alice; says how many.
async fn trust_all(scene: &Scene) -> usize {
    use latchkey::store::devices;
    let app = &scene.latchkey.app;
    let now = app.clock.now();
    let mut db = app.store.write().await.expect("a write");
    let known = devices::list(&mut db, &scene.alice.id).await.expect("a list");
    for device in &known {
        let until = now + Duration::from_hours(24);
        devices::trust(&mut db, &scene.alice.id, &device.token_hash, until, now)
            .await
            .expect("trusted");
    }
    db.commit().await.expect("a commit");
    known.len()
}

/// The cells "password changed" of the table of what ends when (DESIGN, tokens).
#[tokio::test]
async fn s_136_tokens_end_as_the_table_says() {
    for ends_all in [false, true] {
        let mut stage = Stage::set().await;
        let own = stage.browser.clone();
        let here = stage.grant(&stage.ask()).await;
        let here_offline = stage.grant(&stage.ask_offline()).await;
        stage.browser = stage.latchkey.browser();
        let elsewhere = stage.grant(&stage.ask()).await;
        let elsewhere_offline = stage.grant(&stage.ask_offline()).await;
        stage.browser = own;

        let page = stage.browser.open(paths::ACCOUNT_PASSWORD).await;
        assert_eq!(page.attributes("#end_applications[checked]", "id").len(), 0);
        let page = page.fill("password", PASSWORD).fill("new_password", NEW);
        let page = page.fill("new_password_again", NEW);
        let page = if ends_all { page.tick("end_applications") } else { page };
        let page = stage.browser.submit(&page, "Change password").await.page();
        assert!(is_changed(&page), "{page}");
        assert_eq!(page.says("One application was disconnected"), ends_all, "{page}");

        stage.is_dead("born in a session that ended", &elsewhere).await;
        let living: [(&str, &Grant); 3] = [
            ("born in the session that stays", &here),
            ("offline, born there", &here_offline),
            ("offline, born elsewhere", &elsewhere_offline),
        ];
        for (what, grant) in living {
            assert_eq!(stage.is_alive(&grant.access).await, !ends_all, "{what}");
            if !grant.refresh.is_empty() {
                let status = if ends_all { 400 } else { 200 };
                assert_eq!(stage.refresh(&grant.refresh).await.status, status, "{what}");
            }
        }
        // An application that was disconnected has to ask again; another has not.
        let arrival = stage.browser.arrive(&stage.ask().address()).await;
        let asks =
            matches!(&arrival, crate::support::browser::Arrival::Page(page) if page.has("allow"));
        assert_eq!(asks, ends_all);
        stage.alice.password = NEW.into();
        walk_on(&mut stage.browser, &stage.alice, arrival).await.departure();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s_136_of_two_changes_at_once_one_counts() {
    for _ in 0..3 {
        let mut scene = Scene::set().await;
        let mut other = scene.signed_in(PASSWORD).await;
        let (mine, theirs) = ("Mine-Harbour%7", "Their-Harbour%7");
        let (one, two) =
            tokio::join!(change_once(&mut scene.browser, mine), change_once(&mut other, theirs),);
        assert!(one ^ two, "one and only one: {one} {two}");
        assert_eq!(scene.opens(mine).await, one);
        assert_eq!(scene.opens(theirs).await, two);
        assert!(!scene.opens(PASSWORD).await);
        assert_eq!(Scene::is_signed_in(&mut scene.browser).await, one);
        assert_eq!(Scene::is_signed_in(&mut other).await, two);
        assert_eq!(scene.events("password_changed").await.len(), 1);
    }
}

/// Whether a change counted.
async fn change_once(browser: &mut Browser, new: &str) -> bool {
    let page = browser.open(paths::ACCOUNT_PASSWORD).await;
    if !page.has("new_password") {
        return false;
    }
    let page = page.fill("password", PASSWORD).fill("new_password", new);
    let page = page.fill("new_password_again", new);
    is_changed(&browser.submit(&page, "Change password").await.page())
}

#[tokio::test]
async fn s_142_an_old_sign_in_changes_no_password_without_every_factor() {
    let mut scene = Scene::with_two_factor().await;
    // Freshly signed in with both: the code need not be shown twice.
    let page = scene.browser.open(paths::ACCOUNT_PASSWORD).await;
    assert!(!page.has("code"), "{page}");
    scene.latchkey.pass_seconds(360);
    // The page from before is no way around it, nor is a form without the field.
    let page = page.fill("password", PASSWORD).fill("new_password", NEW);
    let page = page.fill("new_password_again", NEW);
    let page = scene.browser.submit(&page, "Change password").await.page();
    assert!(page.status == 422 && page.has("code"), "{page}");
    assert!(scene.opens(PASSWORD).await);
    let page = page.fill("password", PASSWORD).fill("new_password", NEW);
    let page = page.fill("new_password_again", NEW);
    let wrong = page.clone().fill("code", "000000");
    let page = scene.browser.submit(&wrong, "Change password").await.page();
    assert_eq!(page.status, 422, "{page}");
    let page = page.fill("password", PASSWORD).fill("new_password", NEW);
    let code = totp(SEED, scene.latchkey.clock.now().seconds());
    let page = page.fill("new_password_again", NEW).fill("code", &code);
    let page = scene.browser.submit(&page, "Change password").await.page();
    assert!(is_changed(&page), "{page}");
}

#[tokio::test]
async fn s_138_a_hash_with_older_parameters_is_replaced_at_the_next_sign_in() {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let stored = async || {
        let mut db = latchkey.app.store.read().await.expect("a connection");
        let found = latchkey::store::credentials::find(&mut db, &alice.id).await;
        found.expect("an answer").expect("a password").hash
    };
    let old = stored().await;
    assert!(old.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{old}");
    let second = latchkey.another_node_with(|config| config.password.argon2_iterations = 3).await;
    let enter = async |password: &str| {
        let mut browser = latchkey.browser();
        let login = browser.open(paths::LOGIN).await;
        let filled = login.fill("username", "alice").fill("password", password);
        let fields = filled.form_with("password").submission(None).fields;
        let url = format!("{}{}", second.endpoints.socket(), paths::LOGIN);
        let headers = [("origin", latchkey.issuer.as_str()), ("sec-fetch-site", "same-origin")];
        let url = url.parse().expect("an address");
        post_raw(&browser, &url, &fields, &headers).await.status().as_u16()
    };
    // A wrong password replaces nothing.
    assert_eq!(enter("wrong-Passw0rd!").await, 422);
    assert_eq!(stored().await, old);
    assert_eq!(enter(&alice.password).await, 303);
    // It is hashed anew after the answer.
    second.app.afterwards.close();
    second.app.afterwards.wait().await;
    let new = stored().await;
    assert!(new.starts_with("$argon2id$v=19$m=19456,t=3,p=1$"), "{new}");
    // It is the same password, and what is new is not replaced again.
    assert_eq!(enter(&alice.password).await, 303);
    assert_eq!(stored().await, new);
    sign_in(&mut latchkey.browser(), &alice).await;
}
