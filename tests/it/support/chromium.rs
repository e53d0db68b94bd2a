//! A real browser: Chromium, driven through a chromedriver of the test's own.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use fantoccini::error::CmdError;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use reqwest::{Method, Url};
use serde_json::{Value, json};

const DRIVER: &str = "/usr/bin/chromedriver";
const BROWSER: &str = "/usr/bin/chromium";

/// How long a page may take to show what it must.
const PATIENCE: Duration = Duration::from_secs(15);

/// Chromium as a person has it, but without a window and without talking to anybody else.
const FLAGS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--window-size=1280,900",
];

/// Whether pages may run scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scripts {
    On,
    Off,
}

/// A running browser.
pub struct Chromium {
    driver: Child,
    client: Client,
    scripts: Scripts,
    _profile: tempfile::TempDir,
}

impl Chromium {
    /// Starts a browser with an empty profile.
    pub async fn start(scripts: Scripts) -> Self {
        for program in [DRIVER, BROWSER] {
            let there = Path::new(program).exists();
            assert!(there, "{program} is missing: run scripts/test once, it installs Chromium");
        }
        let (driver, port) = start_driver();
        let profile = tempfile::tempdir().expect("a folder for the profile");
        let mut arguments: Vec<String> = FLAGS.iter().map(|&flag| flag.to_owned()).collect();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let scripts_setting = if scripts == Scripts::On { 1 } else { 2 };
        let capabilities = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": {
                "binary": BROWSER,
                "args": arguments,
                "prefs": {
                    "profile.managed_default_content_settings.javascript": scripts_setting,
                    "credentials_enable_service": false,
                },
            },
        });
        let Value::Object(capabilities) = capabilities else { unreachable!("it is an object") };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("chromedriver starts Chromium");
        Self { driver, client, scripts, _profile: profile }
    }

    /// Goes to an address as if typed.
    pub async fn visit(&self, address: &str) {
        self.client.goto(address).await.expect("the browser goes there");
    }

    /// Where the browser is.
    pub async fn address(&self) -> Url {
        self.client.current_url().await.expect("an address")
    }

    /// The words of the first element that fits `selector`, as soon as there is one.
    pub async fn words(&self, selector: &str) -> String {
        self.patiently(selector, async |element| element.text().await).await
    }

    /// Waits until the first element that fits `selector` says just this: what stands there before
    /// may be of the page that is being left.
    pub async fn says(&self, selector: &str, sentence: &str) {
        let mut last = String::new();
        for _ in 0..PATIENCE.as_millis() / 100 {
            last = self.words(selector).await;
            if last == sentence {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("expected {sentence:?}, but {} says {last:?}", self.address().await);
    }

    /// Waits until the page has the heading `heading`.
    pub async fn sees(&self, heading: &str) {
        let mut last = String::new();
        for _ in 0..PATIENCE.as_millis() / 100 {
            // Between two pages there is no element, or one that is going away.
            if let Ok(element) = self.client.find(Locator::Css("h1")).await {
                last = element.text().await.unwrap_or(last);
            }
            if last == heading {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let address = self.address().await;
        panic!("expected the heading {heading:?}, but {address} shows {last:?}");
    }

    /// The page with this heading, as it must be for everybody.
    pub async fn look(&self, heading: &str) {
        self.sees(heading).await;
        self.audit().await;
        self.check_console().await;
    }

    /// Types a name and a password into the page that asks for them.
    pub async fn sign_in(&self, name: &str, password: &str) {
        self.fill("username", name).await;
        self.fill("password", password).await;
        self.click("#sign-in").await;
    }

    /// Types into the field called `name`.
    pub async fn fill(&self, name: &str, text: &str) {
        let selector = format!("[name=\"{name}\"]");
        self.patiently(&selector, async |field| {
            field.clear().await?;
            field.send_keys(text).await
        })
        .await;
    }

    /// Clicks the first element that fits `selector`.
    pub async fn click(&self, selector: &str) {
        self.patiently(selector, async |element| element.click().await).await;
    }

    /// Does something to an element; once more if the page it was on is just being left.
    async fn patiently<T>(
        &self,
        selector: &str,
        act: impl AsyncFn(fantoccini::elements::Element) -> Result<T, CmdError>,
    ) -> T {
        let mut last = None;
        for _ in 0..20 {
            match act(self.element(selector).await).await {
                Ok(done) => return done,
                Err(error) => last = Some(error),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{selector} on {}: {last:?}", self.address().await);
    }

    /// Types into whatever has the focus on the page that `selector` is on; keys as in `WebDriver` §17.4.2.
    pub async fn press(&self, selector: &str, keys: &str) {
        self.element(selector).await.send_keys(keys).await.expect("something to type into");
    }

    async fn element(&self, selector: &str) -> fantoccini::elements::Element {
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(selector)).await;
        match found {
            Ok(element) => element,
            Err(error) => {
                let (address, page) = (self.address().await, self.client.source().await);
                panic!("{selector} is not on {address} ({error}): {}", page.unwrap_or_default());
            }
        }
    }

    /// What a script that is run from outside the page answers.
    pub async fn ask(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.expect("an answer")
    }

    /// Has what is downloaded land in this folder, under a name of its own.
    pub async fn keep_files_in(&self, folder: &Path) {
        let behavior = json!({ "behavior": "allow", "downloadPath": folder });
        let command = DevTools("Browser.setDownloadBehavior", behavior);
        self.client.issue_cmd(command).await.expect("the browser obeys");
    }

    /// What the file of this kind holds, as soon as it is there whole; it is taken away.
    pub async fn file(&self, folder: &Path, kind: &str) -> String {
        for _ in 0..PATIENCE.as_millis() / 100 {
            let entries = std::fs::read_dir(folder).expect("a folder").flatten();
            let paths: Vec<_> = entries.map(|entry| entry.path()).collect();
            let is = |path: &Path, kind: &str| path.extension().is_some_and(|end| end == kind);
            // Its name is taken first, and what comes is written beside it.
            let comes = paths.iter().any(|path| is(path, "crdownload"));
            if let Some(path) = paths.iter().find(|path| !comes && is(path, kind)) {
                let held = std::fs::read_to_string(path).expect("text");
                if !held.is_empty() {
                    std::fs::remove_file(path).expect("it is ours");
                    return held;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no {kind} file came from {}", self.address().await);
    }

    /// Forgets every cookie, as a browser that was never here.
    pub async fn forget(&self) {
        self.client.delete_all_cookies().await.expect("the browser obeys");
    }

    /// Makes the window as wide as a small phone, or as a desk's screen again.
    pub async fn resize(&self, width: u32, height: u32) {
        self.client.set_window_size(width, height).await.expect("another size");
    }

    /// Fails if anything on this page is out of reach for people with disabilities (WCAG 2.2 AA),
    /// as far as axe can tell, or if the page must be scrolled sideways on a small screen. The first
    /// time that a page comes it is looked at on a phone and in the dark as well.
    pub async fn audit(&self) {
        let address = self.address().await;
        if self.scripts == Scripts::On {
            self.ask(&axe()).await;
            self.run_axe(&format!("{address} on a desk in the light")).await;
            if self.is_new_here().await {
                self.prefer("dark").await;
                self.run_axe(&format!("{address} in the dark")).await;
                self.prefer("light").await;
                self.resize(390, 844).await;
                self.run_axe(&format!("{address} on a phone")).await;
            }
        }
        self.resize(320, 640).await;
        let sideways = "return document.documentElement.scrollWidth > window.innerWidth";
        let sideways = self.ask(sideways).await;
        assert_eq!(sideways, json!(false), "{address} scrolls sideways at 320 pixels");
        self.resize(1280, 900).await;
    }

    async fn run_axe(&self, what: &str) {
        let run = "const done = arguments[arguments.length - 1];
            const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
            axe.run(document, { runOnly: { type: 'tag', values: tags } }).then(
                found => done(found.violations.map(v => v.id + ': ' + v.help + ' at '
                    + v.nodes.map(n => n.target.join(' ') + ' ' + n.failureSummary).join('; '))),
                error => done(['axe failed: ' + error]));";
        let found = self.client.execute_async(run, Vec::new()).await.expect("axe runs");
        assert_eq!(found, json!([]), "{what} is not accessible");
    }

    /// Whether no page like this one, by its title, its headings and what its notes are, was here
    /// before.
    async fn is_new_here(&self) -> bool {
        static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
        let like = "return document.title + Array.from(document.querySelectorAll('.note, main h2'), \
                    one => ' ' + (one.className || one.id)).join('')";
        let like = self.ask(like).await.as_str().unwrap_or_default().to_owned();
        SEEN.lock().expect("nobody broke off here").insert(like)
    }

    /// Has pages see a person who likes them light or dark; what moves stands still.
    async fn prefer(&self, scheme: &str) {
        let features = json!([
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        let command = DevTools("Emulation.setEmulatedMedia", json!({ "features": features }));
        self.client.issue_cmd(command).await.expect("the browser obeys");
    }

    /// Fails if the console has a complaint: blocked by the page's policy, missing, broken.
    ///
    /// That a page itself came with a 4xx is none: wrong passwords and error pages do.
    pub async fn check_console(&self) {
        let log = self.client.issue_cmd(BrowserLog).await.expect("the console");
        let complaints: Vec<&str> = log
            .as_array()
            .into_iter()
            .flatten()
            .filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING")))
            .filter_map(|entry| entry["message"].as_str())
            .filter(|message| !message.contains("status of 4") || message.contains("/assets/"))
            .collect();
        assert!(complaints.is_empty(), "the browser complains: {complaints:#?}");
    }

    /// Closes the browser.
    pub async fn close(self) {
        let closed: Result<(), CmdError> = self.client.clone().close().await;
        closed.expect("the browser closes");
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The driver leads a process group of its own, in which its browser lives too.
        let group = format!("-{}", self.driver.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.driver.wait();
    }
}

/// The port that chromedriver draws may be taken on the other version of IP: then it ends.
fn start_driver() -> (Child, u16) {
    let started = (0..10).find_map(|_| {
        let mut driver = Command::new(DRIVER)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromedriver starts");
        let output = driver.stdout.take().expect("its output is piped");
        let told = BufReader::new(output).lines().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
        if told.is_none() {
            driver.wait().expect("chromedriver has ended");
        }
        told.map(|port| (driver, port))
    });
    started.expect("chromedriver tells its port")
}

/// The source of axe-core, which `scripts/test` puts there.
fn axe() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/axe/axe.min.js");
    std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!("{}: {error}. Run scripts/test once, it fetches axe-core", path.display())
    })
}

/// chromedriver's own way to a command of the developer tools, with its parameters.
#[derive(Debug)]
struct DevTools(&'static str, Value);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "cmd": self.0, "params": self.1 }).to_string()))
    }
}

/// chromedriver's own command for what stands in the console.
#[derive(Debug)]
struct BrowserLog;

impl WebDriverCompatibleCommand for BrowserLog {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}
