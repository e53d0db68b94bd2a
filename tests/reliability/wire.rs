//! One caller's end of the line: cookies, forms, and how long it has patience.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::header::{LOCATION, RETRY_AFTER, SET_COOKIE};
use serde_json::Value;

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub location: String,
    pub retry_after: Option<u64>,
    pub body: String,
}

impl Reply {
    /// A member of its JSON, as text.
    pub fn member(&self, name: &str) -> Option<String> {
        let value: Value = serde_json::from_str(&self.body).ok()?;
        value.get(name)?.as_str().map(str::to_owned)
    }

    /// Whether it says that a token is active; `None` if it says nothing about one.
    pub fn active(&self) -> Option<bool> {
        let value: Value = serde_json::from_str(&self.body).ok()?;
        value.get("active")?.as_bool()
    }

    /// A parameter of the address that it leads to.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let to = url::Url::parse(&self.location).ok()?;
        to.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// Whether the server said that it cannot do this now.
    pub fn is_busy(&self) -> bool {
        self.status == 503 || self.status == 429
    }
}

/// How one exchange went.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    pub kind: &'static str,
    /// Zero: no answer came.
    pub status: u16,
    pub began: Instant,
    pub took: Duration,
}

/// Where exchanges are noted.
pub type Log = Arc<Mutex<Vec<Exchange>>>;

/// A caller.
#[derive(Clone)]
pub struct Wire {
    http: reqwest::Client,
    base: String,
    log: Log,
    pub cookies: BTreeMap<String, String>,
    /// After how long it hangs up.
    pub patience: Duration,
    /// The address that a proxy says the caller has.
    pub from: Option<String>,
    /// Asks again as long as it is told to come back later, and counts how often.
    pub persists: bool,
    pub repeated: u32,
}

/// How a request is authenticated.
#[derive(Clone, Copy)]
pub enum Auth<'a> {
    None,
    Basic(&'a (String, String)),
    Bearer(&'a str),
}

impl Wire {
    pub fn new(base: &str, log: Log) -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(2)
            .build()
            .expect("a client");
        let patience = Duration::from_secs(20);
        Self {
            http,
            base: base.to_owned(),
            log,
            cookies: BTreeMap::new(),
            patience,
            from: None,
            persists: false,
            repeated: 0,
        }
    }

    /// Where it calls.
    pub fn base(&self) -> &str {
        &self.base
    }

    pub async fn get(&mut self, kind: &'static str, path: &str, auth: Auth<'_>) -> Option<Reply> {
        let request = self.http.get(format!("{}{path}", self.base));
        self.send(kind, request, auth).await
    }

    pub async fn post(
        &mut self,
        kind: &'static str,
        path: &str,
        auth: Auth<'_>,
        form: &[(&str, &str)],
    ) -> Option<Reply> {
        let mut request = self.http.post(format!("{}{path}", self.base)).form(form);
        if matches!(auth, Auth::None) {
            request = request.header("origin", &self.base);
        }
        self.send(kind, request, auth).await
    }

    /// Sends it; `None` when no whole answer came in time.
    async fn send(
        &mut self,
        kind: &'static str,
        mut request: reqwest::RequestBuilder,
        auth: Auth<'_>,
    ) -> Option<Reply> {
        match auth {
            Auth::Basic((id, secret)) => request = request.basic_auth(id, Some(secret)),
            Auth::Bearer(token) => request = request.bearer_auth(token),
            Auth::None if !self.cookies.is_empty() => {
                let pairs: Vec<_> =
                    self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
                request = request.header("cookie", pairs.join("; "));
            }
            Auth::None => {}
        }
        if let Some(from) = &self.from {
            request = request.header("x-forwarded-for", from);
        }
        loop {
            let again = request.try_clone().expect("a body that can be sent again");
            let began = Instant::now();
            let answered = tokio::time::timeout(self.patience, self.answer(again)).await;
            let reply = answered.ok().flatten();
            let status = reply.as_ref().map_or(0, |reply| reply.status);
            self.log.lock().unwrap().push(Exchange { kind, status, began, took: began.elapsed() });
            let later = reply.as_ref().is_none_or(Reply::is_busy);
            if !self.persists || !later || self.repeated > 100 {
                return reply;
            }
            self.repeated += 1;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    async fn answer(&mut self, request: reqwest::RequestBuilder) -> Option<Reply> {
        let answer = request.send().await.ok()?;
        let headers = answer.headers().clone();
        let status = answer.status().as_u16();
        let body = answer.text().await.ok()?;
        for cookie in headers.get_all(SET_COOKIE) {
            let text = cookie.to_str().unwrap_or_default();
            let pair = text.split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                if value.is_empty() || text.contains("Max-Age=0") {
                    self.cookies.remove(name);
                } else {
                    self.cookies.insert(name.to_owned(), value.to_owned());
                }
            }
        }
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Some(Reply {
            status,
            location: text(LOCATION).unwrap_or_default().to_owned(),
            retry_after: text(RETRY_AFTER).and_then(|text| text.parse().ok()),
            body,
        })
    }
}

/// The value of the hidden field `csrf` of a page.
pub fn csrf(page: &str) -> String {
    let rest = page.split("name=\"csrf\" value=\"").nth(1).unwrap_or_default();
    rest.split('"').next().unwrap_or_default().to_owned()
}
