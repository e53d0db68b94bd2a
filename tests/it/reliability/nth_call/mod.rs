//! the database fails at the first call of a request, at the second, at the third, until
//! the request gets through. Each time it is answered by 503 or rightly, what was acknowledged
//! holds, what was not is there whole or not at all, and trying again is safe.

mod account;
mod endpoints;
mod sign_in;
mod two_factor;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use latchkey::paths;
use latchkey::store::faults::{Fate, Point};
use reqwest::header::{COOKIE, LOCATION};

use crate::support::Latchkey;
use crate::support::browser::{Browser, http};
use crate::support::endpoint::Answer;
use crate::support::flow::{post_raw, sign_in_with};
use crate::support::page::{Form, Page};
use crate::support::stage::{Grant, Stage};

/// No request asks the database so often.
const MOST: usize = 60;

/// The n-th call from when it was armed fails; 0: none.
#[derive(Clone, Default)]
struct Trap {
    left: Arc<AtomicUsize>,
}

impl Trap {
    fn lay(latchkey: &Latchkey) -> Self {
        let trap = Self::default();
        latchkey.expect_faults();
        let left = Arc::clone(&trap.left);
        latchkey.app.store.break_by(Arc::new(move |_: Point| {
            let before =
                left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
            if before == Ok(1) { Fate::Fail } else { Fate::Pass }
        }));
        trap
    }

    fn arm(&self, n: usize) {
        self.left.store(n, Ordering::SeqCst);
    }

    /// Whether the call came that fails.
    fn disarm(&self) -> bool {
        self.left.swap(0, Ordering::SeqCst) == 0
    }
}

struct Scene {
    stage: Stage,
    trap: Trap,
}

impl Scene {
    async fn set() -> Self {
        let stage = Stage::set().await;
        let trap = Trap::lay(&stage.latchkey);
        Self { stage, trap }
    }

    async fn grant(&mut self) -> Grant {
        let ask = self.stage.ask_offline();
        self.stage.grant(&ask).await
    }

    /// Another browser in which Alice has just signed in.
    async fn signed_in(&self) -> Browser {
        let (mut browser, alice) = (self.stage.latchkey.browser(), &self.stage.alice);
        let page = sign_in_with(&mut browser, &alice.username, &alice.password).await;
        assert_eq!(page.url.path(), paths::ACCOUNT_SECURITY, "{page}");
        browser
    }

    /// Sends a form while the n-th call fails: whether it was done, and whether a call failed.
    async fn send(
        &self,
        n: usize,
        browser: &Browser,
        page: &Page,
        more: &[(&str, &str)],
    ) -> (bool, bool) {
        self.trap.arm(n);
        let status = send(browser, page, more).await;
        let struck = self.trap.disarm();
        (done_or_503(status, n), struck)
    }
}

/// Fails unless an endpoint was answered rightly or by 503 with a word on when to come back.
fn refused_or(answer: &Answer, n: usize, what: &str) -> bool {
    if answer.status == 200 {
        return true;
    }
    assert_eq!(answer.status, 503, "{what}, call {n}: {answer}");
    assert!(answer.headers.contains_key("retry-after"), "{what}, call {n}: {answer}");
    false
}

async fn is_signed_in(browser: &mut Browser) -> bool {
    browser.open(paths::ACCOUNT_SECURITY).await.url.path() == paths::ACCOUNT_SECURITY
}

/// Sends a form as the browser would, once, whatever comes.
async fn send(browser: &Browser, page: &Page, more: &[(&str, &str)]) -> u16 {
    let is_its_own = |form: &&Form| form.method == "post" && form.action.path() == page.url.path();
    let form = page.forms().iter().find(is_its_own).expect("a form");
    let mut fields = form.submission(None).fields;
    for (name, value) in more {
        fields.retain(|(other, _)| other != name);
        fields.push(((*name).to_owned(), (*value).to_owned()));
    }
    let origin = page.url.origin().ascii_serialization();
    let headers = [("origin", origin.as_str())];
    let answer = post_raw(browser, &form.action, &fields, &headers).await;
    answer.status().as_u16()
}

/// Goes to an address as the browser would, once, whatever comes: the status, and where it leads.
async fn fetch(latchkey: &Latchkey, browser: &Browser, path: &str) -> (u16, String) {
    let url: reqwest::Url = latchkey.at(path).parse().expect("an address");
    let cookies = browser.cookies().header(&url, false).unwrap_or_default();
    let answer = http().get(url).header(COOKIE, cookies).send().await.expect("an answer");
    let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
    (answer.status().as_u16(), to.to_owned())
}

/// Fails unless the act was done or refused by 503; whether it was done.
fn done_or_503(status: u16, n: usize) -> bool {
    assert!([200, 303, 503].contains(&status), "call {n}: {status}");
    status != 503
}
