//! What a page costs a phone on a slow line: page, style sheets and scripts together, on the first
//! visit.

use std::io::Read;
use std::time::Duration;

use flate2::read::GzDecoder;
use latchkey::paths;
use reqwest::Url;

use crate::support::browser::{Browser, http};
use crate::support::flow::sign_in_with;
use crate::support::page::Page;
use crate::support::routes;
use crate::support::stage::Stage;

/// The bound of a whole page before images, in bytes.
const HEAVIEST: usize = 40_000;

/// A file that a page needs, and how many bytes came over the line.
async fn fetched(url: Url) -> (Vec<u8>, usize) {
    let answer = http().get(url).header("accept-encoding", "gzip").send().await.expect("a file");
    assert_eq!(answer.status(), 200, "{}", answer.url());
    assert_eq!(answer.headers()["vary"], "Accept-Encoding", "{}", answer.url());
    let packed = answer.headers().get("content-encoding").is_some();
    let sent = answer.bytes().await.expect("a body").to_vec();
    let length = sent.len();
    let mut plain = Vec::new();
    if packed {
        GzDecoder::new(sent.as_slice()).read_to_end(&mut plain).expect("gzip");
    } else {
        plain = sent;
    }
    (plain, length)
}

fn needs(page: &Page) -> Vec<Url> {
    let sheets = page.attributes("link[rel=stylesheet]", "href");
    let scripts = page.attributes("script[src]", "src");
    // The list of settings, which a script fetches.
    let lists = page.attributes("[data-list]", "data-list");
    let all = sheets.into_iter().chain(scripts).chain(lists);
    all.map(|path| page.url.join(&path).expect("an address")).collect()
}

/// The weight of a page: its own bytes, which are not compressed, and those of what it needs.
async fn weight(page: &Page) -> usize {
    let mut total = page.body.len();
    for url in needs(page) {
        total += fetched(url).await.1;
    }
    total
}

/// Every page that is at a fixed address, as far as somebody in this browser sees it.
async fn pages(browser: &mut Browser) -> Vec<Page> {
    let mut pages = Vec::new();
    for (_, path) in routes::all() {
        let shown =
            path.starts_with(paths::ACCOUNT) || path == paths::LOGIN || path == paths::RECOVER;
        if !shown || path.contains('{') || path.contains("export") || path.contains("check") {
            continue;
        }
        pages.push(browser.open(&path).await);
    }
    pages
}

#[tokio::test]
async fn a_page_is_light_on_the_first_visit() {
    let mut stage = Stage::set().await;
    stage.grant(&stage.ask()).await;
    // A full page of history, without being locked out.
    for _ in 0..3 {
        for _ in 0..9 {
            sign_in_with(&mut stage.latchkey.browser(), "alice", "wrong").await;
        }
        stage.latchkey.pass(Duration::from_mins(16));
    }
    let mut seen = pages(&mut stage.latchkey.browser()).await;
    seen.extend(pages(&mut stage.browser).await);
    let list = stage.browser.open(paths::ACCOUNT_APPLICATIONS).await;
    seen.push(stage.browser.open(list.link("Photo Printer").as_str()).await);
    assert!(seen.len() > 25, "{}", seen.len());
    for page in &seen {
        assert!(!needs(page).is_empty(), "{page}");
        let weight = weight(page).await;
        assert!(weight < HEAVIEST, "{} weighs {weight} bytes", page.url);
    }
}

#[tokio::test]
async fn a_file_is_the_same_whether_it_comes_compressed_or_not() {
    let stage = Stage::set().await;
    let page = stage.latchkey.browser().open(paths::LOGIN).await;
    for url in needs(&page) {
        let plain = http().get(url.clone()).send().await.expect("a file");
        assert!(plain.headers().get("content-encoding").is_none(), "{url}: nobody asked for it");
        let plain = plain.bytes().await.expect("a body");
        let (unpacked, sent) = fetched(url.clone()).await;
        assert_eq!(unpacked, plain, "{url}");
        assert!(sent <= plain.len(), "{url}");
    }
}
