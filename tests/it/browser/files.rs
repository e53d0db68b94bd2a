//! What a person takes along: the files that pages offer really come, and hold what they promise.

use latchkey::paths;
use serde_json::Value;

use crate::support::Latchkey;
use crate::support::chromium::{Chromium, Scripts};

async fn every_file_comes(scripts: Scripts) {
    let latchkey = Latchkey::start().await;
    let alice = latchkey.alice().await;
    let folder = tempfile::tempdir().expect("a folder for files");
    let chromium = Chromium::start(scripts).await;
    chromium.keep_files_in(folder.path()).await;
    chromium.visit(&latchkey.at(paths::ACCOUNT_HISTORY)).await;
    chromium.sign_in(&alice.username, &alice.password).await;
    chromium.look("Sign-in history").await;
    chromium.click("form.log-actions [value=csv]").await;
    let table = chromium.file(folder.path(), "csv").await;
    assert!(table.lines().count() == 2 && table.contains("Chrome"), "{table}");
    // The page stays; a while later its buttons ask who it is, and go on.
    chromium.sees("Sign-in history").await;
    latchkey.pass_seconds(6 * 60);
    chromium.click("form.log-actions [value=json]").await;
    chromium.look("Confirm it’s you").await;
    chromium.fill("password", &alice.password).await;
    chromium.click("#go-on").await;
    chromium.look("Download your sign-in history").await;
    chromium.click("#json").await;
    let history: Value = serde_json::from_str(&chromium.file(folder.path(), "json").await).unwrap();
    assert!(history.to_string().contains("successful"), "{history}");

    chromium.click(".nav a[href=\"/account/data\"]").await;
    chromium.look("Your data").await;
    chromium.click("#export").await;
    chromium.look("Download your data").await;
    chromium.click("#download").await;
    let data: Value = serde_json::from_str(&chromium.file(folder.path(), "json").await).unwrap();
    assert!(data.to_string().contains("alice@people.example"), "{data}");
    assert!(!data.to_string().contains(&alice.password), "{data}");
    chromium.click("a.back").await;
    chromium.look("Your data").await;
    chromium.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_and_data_are_taken_along() {
    every_file_comes(Scripts::On).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_works_without_scripts() {
    every_file_comes(Scripts::Off).await;
}
