//! How the pages look.

use latchkey::paths;
use reqwest::StatusCode;

use super::about_oneself::user;
use crate::support::browser::http;
use crate::support::page::{Page, Submission};
use crate::support::stage::Stage;

/// The form with these choices in place of what it has.
fn choosing(page: &Page, choices: &[(&str, &str)]) -> Submission {
    let mut form = page.submission("Save");
    form.fields.retain(|(name, _)| !choices.iter().any(|(chosen, _)| chosen == name));
    let chosen = choices.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    form.fields.extend(chosen);
    form
}

fn html(page: &Page, attribute: &str) -> Option<String> {
    page.attributes("html", attribute).into_iter().next()
}

#[tokio::test]
async fn what_is_chosen_shows_on_every_page_and_everywhere() {
    let mut stage = Stage::signed_in().await;
    let page = stage.browser.open(paths::ACCOUNT_APPEARANCE).await;
    assert_eq!(html(&page, "data-theme"), None);
    let form = choosing(
        &page,
        &[
            ("theme", "dark"),
            ("color", "#0f766e"),
            ("skin", "bordered"),
            ("navigation", "horizontal"),
            ("width", "wide"),
        ],
    );
    let saved = stage.browser.send(&page, form).await.page();
    assert!(saved.says("Your pages look like this from now on."), "{saved}");
    let mut elsewhere = stage.latchkey.browser();
    crate::support::flow::sign_in(&mut elsewhere, &stage.alice).await;
    for page in [saved, elsewhere.open(paths::ACCOUNT_SECURITY).await] {
        assert_eq!(html(&page, "data-theme").as_deref(), Some("dark"));
        assert_eq!(html(&page, "data-skin").as_deref(), Some("bordered"));
        assert_eq!(html(&page, "data-navigation").as_deref(), Some("horizontal"));
        assert_eq!(html(&page, "data-width").as_deref(), Some("wide"));
        let sheets = page.attributes("link[rel=stylesheet]", "href");
        let own = sheets.iter().find(|href| href.starts_with("/assets/color/0f766e.css"));
        let own = own.unwrap_or_else(|| panic!("no sheet of the color: {sheets:?}"));
        let sheet = http().get(stage.latchkey.at(own)).send().await.expect("an answer");
        assert_eq!(sheet.status(), StatusCode::OK);
        assert!(sheet.headers()["content-type"].to_str().expect("ASCII").starts_with("text/css"));
        assert!(sheet.text().await.expect("text").starts_with(":root{--accent:#0f766e;"));
    }
    let page = stage.browser.open(paths::ACCOUNT_APPEARANCE).await;
    let usual = [("theme", ""), ("color", ""), ("skin", ""), ("navigation", ""), ("width", "")];
    let form = choosing(&page, &usual);
    let saved = stage.browser.send(&page, form).await.page();
    assert_eq!(html(&saved, "data-theme"), None);
    assert_eq!(user(&stage.latchkey, &stage.alice.id).await.appearance, None);
}

#[tokio::test]
async fn an_own_color_is_kept_and_a_hard_one_made_readable() {
    let mut stage = Stage::signed_in().await;
    let page = stage.browser.open(paths::ACCOUNT_APPEARANCE).await;
    let form = choosing(&page, &[("color", "own"), ("own", "#ffff00")]);
    let saved = stage.browser.send(&page, form).await.page();
    assert_eq!(saved.value("own"), "#ffff00");
    assert_eq!(saved.attributes("#color-own[checked]", "id").len(), 1);
    let sheet = http().get(stage.latchkey.at("/assets/color/ffff00.css")).send().await;
    let sheet = sheet.expect("an answer").text().await.expect("text");
    assert!(!sheet.contains("--accent:#ffff00"), "yellow on white cannot be read: {sheet}");
}

#[tokio::test]
async fn words_that_are_no_choices_count_as_the_usual() {
    let mut stage = Stage::signed_in().await;
    let page = stage.browser.open(paths::ACCOUNT_APPEARANCE).await;
    let hostile = "\"><script>alert(1)</script>";
    let form = choosing(
        &page,
        &[
            ("theme", hostile),
            ("color", "red"),
            ("skin", "x"),
            ("navigation", "../"),
            ("width", "9"),
        ],
    );
    let saved = stage.browser.send(&page, form).await.page();
    assert_eq!(saved.status, 200);
    assert_eq!(user(&stage.latchkey, &stage.alice.id).await.appearance, None);
    for odd in ["/assets/color/red.css", "/assets/color/..%2Fapp.css", "/assets/color/.css"] {
        let answer = http().get(stage.latchkey.at(odd)).send().await.expect("an answer");
        assert_eq!(answer.status(), 404, "{odd}");
    }
}
