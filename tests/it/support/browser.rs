//! A small browser without JavaScript: it keeps cookies, follows redirects, shows pages, sends
//! forms as real ones do, and stops where a client's own address begins.

use std::sync::{Arc, Mutex, MutexGuard};

use latchkey::clock::Clock;
use reqwest::header::{ACCEPT, ACCEPT_LANGUAGE, COOKIE, HeaderMap, LOCATION, ORIGIN, USER_AGENT};
use reqwest::{Client, Method, StatusCode, Url};

use super::cookie_jar::CookieJar;
use super::oracles::{Oracles, check_time, origin_of};
use super::page::{Page, Submission};

/// More redirects than this are a loop.
const REDIRECTS: usize = 12;

/// What Chromium says it is.
pub const CHROMIUM: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                            Chrome/149.0.0.0 Safari/537.36";

/// One tab of a browser; tabs share their cookies.
#[derive(Clone, Debug)]
pub struct Browser {
    http: Client,
    jar: Arc<Mutex<CookieJar>>,
    oracles: Oracles,
    issuer: Url,
    visited: Vec<Url>,
    /// What it says it is.
    pub user_agent: String,
    /// Where it is, as a proxy tells it (`X-Forwarded-For`).
    pub address: Option<String>,
}

/// Where a visit ended.
#[derive(Clone, Debug)]
pub enum Arrival {
    /// At a page of ours.
    Page(Box<Page>),
    /// On the way to somebody else's address.
    Client(Departure),
}

/// A request that the browser would send to a client.
#[derive(Clone, Debug)]
pub struct Departure {
    pub url: Url,
    pub method: Method,
    pub form: Vec<(String, String)>,
}

/// Who sent the browser on, as `Sec-Fetch-Site` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Site {
    /// The person, by typing the address.
    Typed,
    /// A page of ours.
    Own,
    /// Another site.
    Foreign,
}

struct Step {
    method: Method,
    url: Url,
    form: Vec<(String, String)>,
    site: Site,
    origin: Option<String>,
    /// What the page that began this allows its forms: browsers hold it against every redirect.
    form_action: Option<Vec<String>>,
}

impl Browser {
    pub fn new(issuer: &str, oracles: Oracles, clock: Clock) -> Self {
        Self {
            http: http(),
            jar: Arc::new(Mutex::new(CookieJar::new(clock))),
            oracles,
            issuer: Url::parse(issuer).expect("the issuer is a URL"),
            visited: Vec::new(),
            user_agent: CHROMIUM.to_owned(),
            address: None,
        }
    }

    /// The same browser over another HTTP client.
    #[must_use]
    pub fn over(self, http: Client) -> Self {
        Self { http, ..self }
    }

    /// Another tab of the same browser.
    #[must_use]
    pub fn new_tab(&self) -> Self {
        Self { visited: Vec::new(), ..self.clone() }
    }

    /// The cookies.
    pub fn cookies(&self) -> MutexGuard<'_, CookieJar> {
        self.jar.lock().expect("no test has panicked")
    }

    /// Goes to an address, or a path of ours, as if typed.
    pub async fn visit(&mut self, address: &str) -> Arrival {
        self.get(address, Site::Typed).await
    }

    /// Goes to an address as a client's link or redirect does.
    pub async fn arrive(&mut self, address: &str) -> Arrival {
        self.get(address, Site::Foreign).await
    }

    /// A page of ours; fails if the visit ends anywhere else.
    pub async fn open(&mut self, path: &str) -> Page {
        self.visit(path).await.page()
    }

    /// Posts a form to us from a page of another site.
    pub async fn post_from_elsewhere(
        &mut self,
        address: &str,
        form: Vec<(String, String)>,
    ) -> Arrival {
        let url = self.issuer.join(address).expect("an address");
        let origin = Some("https://elsewhere.example".to_owned());
        let site = Site::Foreign;
        self.go(Step { method: Method::POST, url, form, site, origin, form_action: None }).await
    }

    /// Sends the form with the button that has these words or this value.
    pub async fn submit(&mut self, page: &Page, button: &str) -> Arrival {
        self.send(page, page.submission(button)).await
    }

    /// Sends a form of `page`.
    pub async fn send(&mut self, page: &Page, submission: Submission) -> Arrival {
        let Submission { action: mut url, method, fields } = submission;
        let posts = method == "post";
        if !posts {
            url.query_pairs_mut().clear().extend_pairs(&fields);
        }
        // A page under `Referrer-Policy: no-referrer` does not tell its origin either.
        let secretive = page.headers.get("referrer-policy").is_some_and(|v| v == "no-referrer");
        let origin = if secretive { "null".to_owned() } else { origin_of(&page.url) };
        self.go(Step {
            method: if posts { Method::POST } else { Method::GET },
            url,
            form: if posts { fields } else { Vec::new() },
            site: Site::Own,
            origin: posts.then_some(origin),
            form_action: page.form_action(),
        })
        .await
    }

    /// The page before this one, loaded again: ours are never kept in a cache.
    pub async fn back(&mut self) -> Arrival {
        self.visited.pop();
        let before = self.visited.pop().expect("there is no page to go back to");
        self.get(before.as_str(), Site::Own).await
    }

    async fn get(&mut self, address: &str, site: Site) -> Arrival {
        let url = self.issuer.join(address).expect("an address");
        let (method, form) = (Method::GET, Vec::new());
        self.go(Step { method, url, form, site, origin: None, form_action: None }).await
    }

    async fn go(&mut self, mut step: Step) -> Arrival {
        let home = origin_of(&self.issuer);
        for _ in 0..REDIRECTS {
            check_form_action(&step, &home);
            if origin_of(&step.url) != home {
                let Step { url, method, form, .. } = step;
                return Arrival::Client(Departure { url, method, form });
            }
            let (status, headers, body) = self.request(&step).await;
            let location = headers.get(LOCATION).filter(|_| status.is_redirection());
            let Some(location) = location else {
                self.visited.push(step.url.clone());
                return Arrival::Page(Box::new(Page::read(step.url, status, headers, body)));
            };
            let location = location.to_str().expect("a Location of ASCII");
            step = redirected(step, status, location);
        }
        panic!("the browser is sent in a circle, at last to {}", step.url);
    }

    async fn request(&self, step: &Step) -> (StatusCode, HeaderMap, String) {
        let mut request = self
            .http
            .request(step.method.clone(), step.url.clone())
            .header(USER_AGENT, &self.user_agent)
            .header(ACCEPT, "text/html,application/xhtml+xml,*/*;q=0.8")
            .header(ACCEPT_LANGUAGE, "en")
            .header("sec-fetch-site", step.site.name())
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document");
        let foreign_post = step.site == Site::Foreign && step.method != Method::GET;
        if let Some(cookies) = self.cookies().header(&step.url, foreign_post) {
            request = request.header(COOKIE, cookies);
        }
        if let Some(address) = &self.address {
            request = request.header("x-forwarded-for", address);
        }
        if let Some(origin) = &step.origin {
            request = request.header(ORIGIN, origin);
        }
        if step.method == Method::POST {
            request = request.form(&step.form);
        }
        let begun = std::time::Instant::now();
        let response = request.send().await.expect("an answer");
        check_time(&step.url, begun.elapsed());
        let (status, headers) = (response.status(), response.headers().clone());
        self.oracles.check(&step.url, status, &headers);
        self.cookies().keep(&step.url, &headers);
        let body = response.text().await.expect("a body of text");
        let asked = (&step.method, &step.url);
        self.oracles.hear(asked, &step.form, (status, &headers), &body);
        (status, headers, body)
    }
}

impl Browser {
    /// Holds an answer that was fetched around this browser, with its cookies, against what holds for
    /// all answers.
    pub fn judge(&self, url: &Url, answer: &reqwest::Response, begun: std::time::Instant) {
        check_time(url, begun.elapsed());
        self.oracles.check(url, answer.status(), answer.headers());
    }
}

/// The HTTP client under browsers and relying parties: it follows nothing and keeps nothing.
pub fn http() -> Client {
    let builder = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    builder.build().expect("an HTTP client")
}

fn redirected(step: Step, status: StatusCode, location: &str) -> Step {
    let mut url = step.url.join(location).expect("a Location that is a URL");
    // Browsers carry a fragment over a redirect that has none of its own.
    if url.fragment().is_none() {
        url.set_fragment(step.url.fragment());
    }
    let again = matches!(status.as_u16(), 307 | 308);
    assert!(!again || step.method == Method::GET, "a {status} would post the form to {url}");
    Step { method: Method::GET, url, form: Vec::new(), origin: None, ..step }
}

/// Chromium and Safari hold `form-action` against the form's target and all its redirects.
fn check_form_action(step: &Step, home: &str) {
    let Some(sources) = &step.form_action else { return };
    let target = origin_of(&step.url);
    let fits = |source: &String| match source.as_str() {
        "'self'" => target == home,
        "'none'" => false,
        scheme if scheme.ends_with(':') => step.url.scheme() == scheme.trim_end_matches(':'),
        origin => origin == target,
    };
    let url = &step.url;
    assert!(sources.iter().any(fits), "form-action {sources:?} stops the browser at {url}");
}

impl Site {
    fn name(self) -> &'static str {
        match self {
            Self::Typed => "none",
            Self::Own => "same-origin",
            Self::Foreign => "cross-site",
        }
    }
}

impl Arrival {
    /// The page; fails if the browser was sent to a client.
    pub fn page(self) -> Page {
        match self {
            Self::Page(page) => *page,
            Self::Client(departure) => panic!("expected a page, was sent to {}", departure.url),
        }
    }

    /// The request to the client; fails if a page was shown.
    pub fn departure(self) -> Departure {
        match self {
            Self::Client(departure) => departure,
            Self::Page(page) => panic!("expected to be sent to the client, but {page}"),
        }
    }
}

impl Departure {
    /// What the client is told, in the query or in the form.
    pub fn parameters(&self) -> Vec<(String, String)> {
        if self.method == Method::POST {
            return self.form.clone();
        }
        self.url.query_pairs().into_owned().collect()
    }

    /// The parameter `name`; fails if it is there twice.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut found = self.parameters().into_iter().filter(|(key, _)| key == name);
        let first = found.next();
        assert!(found.next().is_none(), "{name} is answered twice: {}", self.url);
        first.map(|(_, value)| value)
    }
}
