//! What operators do, and what goes wrong.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use latchkey::paths;

use super::people::look_at_half_a_password;
use super::stage::Stage;
use crate::support::browser::http;
use crate::support::dump::dump;
use crate::support::flow::sign_in_with;

impl Stage {
    /// Runs a command that shows no new secret; what it prints is searched.
    fn command(&mut self, arguments: &[&str], input: &str) {
        let told = self.program.run_with(arguments, input).good();
        self.printed.push_str(&told);
    }

    /// Every command.
    pub async fn operators_work(&mut self) {
        self.person("oscar");
        self.command(&["user", "set-password", "oscar", "--password-stdin"], "CANARY-s3t-Lamp%4");
        let made = ["user", "set-password", "oscar", "--generate-password", "--json"];
        let made = self.program.run(&made).json();
        let temporary = made["password"].as_str().expect("a password");
        self.secrets.typed("a password", temporary);
        let mut browser = self.browser();
        let page = sign_in_with(&mut browser, "oscar", temporary).await;
        assert_eq!(page.url.path(), paths::LOGIN_CHANGE_PASSWORD, "{page}");
        look_at_half_a_password(&mut browser, &page).await;
        let own = "CANARY-0wn-Pillow%6";
        let page = page.fill("password", own).fill("repeat", own);
        browser.submit(&page, "Set new password").await.page();
        for arguments in [
            &["user", "list", "--json"][..],
            &["user", "list"],
            &["user", "show", "oscar", "--json"],
            &["user", "lock", "oscar", "--reason", "asked for"],
            &["user", "unlock", "oscar"],
            &["user", "reset-two-factor", "carol"],
            &["user", "sign-out", "oscar"],
            &["user", "set-groups", "oscar", "support"],
            &["user", "remove", "oscar"],
            &["client", "list"],
            &["client", "list", "--json"],
            &["client", "show", "web"],
            &["client", "update", "web", "--name", "Photo Lab"],
            &["client", "remove", "first"],
            &["key", "list", "--json"],
            &["key", "rotate", "--json"],
            &["event", "list"],
            &["migrate"],
            &["check"],
        ] {
            self.command(arguments, "");
        }
        self.command(&["user", "set-claims", "carol", "--json-stdin"], r#"{"name":"Carol"}"#);
        let rotated = self.program.run(&["client", "rotate-secret", "web"]).json();
        self.secrets.token("a secret", rotated["client_secret"].as_str().expect("a secret"));
        let given = "CANARY-a-secret-that-they-had";
        self.program
            .run_with(&["client", "rotate-secret", "other", "--secret-stdin"], given)
            .good();
        self.remember_keys().await;
        // What is refused must not be repeated either.
        let given = ["user", "add", "x", "--email", "x@people.example", "--password-stdin"];
        let refused = self.program.run_with(&given, "CANARY");
        self.printed.push_str(&refused.failure());
        for (key, value) in [
            ("LATCHKEY_MAIL__TRANSPORT", "smtp://me:CANARY-pw@mail example"),
            ("LATCHKEY_DATABASE__URL", "postgres://me:CANARY-pw@127.0.0.1:1/none"),
            ("LATCHKEY_DATABASE__URL", "mysql://me:CANARY-pw@127.0.0.1:1/none"),
        ] {
            let kept = if key.contains("DATABASE") { self.database.clone() } else { String::new() };
            self.program.set(key, value);
            for arguments in [&["check"][..], &["user", "list"]] {
                let told = self.program.run(arguments);
                assert_ne!(told.code, 0, "{key}: {told:?}");
                self.printed.push_str(&(told.stdout + &told.stderr));
            }
            let usual = if kept.is_empty() { "file://data/outbox" } else { &kept };
            self.program.set(key, usual);
        }
    }

    /// Faults of the program's own making, a mail server that talks too much, a panic's place.
    pub async fn everything_goes_wrong(&mut self) {
        let rita = self.person("victor");
        self.sql(
            "UPDATE password_credentials SET hash = '$argon2id$v=19$n0tAhash' \
             WHERE user_id IN (SELECT id FROM users WHERE username = 'victor')",
        )
        .await;
        let mut browser = self.browser();
        let page = browser.open(paths::LOGIN).await;
        let cookies = browser.cookies().header(&page.url, false).expect("a cookie");
        let form =
            [("csrf", page.value("csrf")), ("username", "victor"), ("password", &rita.password)];
        let request = http().post(page.url.clone()).header("cookie", &cookies).form(&form);
        assert_eq!(request.send().await.expect("an answer").status(), 500);
        self.with_a_talkative_mail_server().await;
        assert!(self.log.contains("cannot be read"), "the fault is not told: {}", self.log);
        assert!(!self.log.contains("n0tAhash"), "{}", self.log);
    }

    /// A mail server that refuses each mail and repeats what stands in it.
    async fn with_a_talkative_mail_server(&mut self) {
        let server = Echo::start();
        let transport = format!("smtp://me:CANARYsmtpPassw0rd@localhost:{}", server.port);
        self.program.set("LATCHKEY_MAIL__TRANSPORT", &transport);
        self.serve_again().await;
        self.person("walter");
        let mut browser = self.browser();
        let page = browser.open(paths::RECOVER).await.fill("username", "walter");
        browser.submit(&page, "Send me a link").await.page();
        for _ in 0..500 {
            if !server.links().is_empty() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let links = server.links();
        assert!(!links.is_empty(), "no mail came");
        for link in links {
            self.secrets.token("the token of a refused mail", &link);
        }
        self.until_it_was_put_off().await;
        self.serve_again().await;
        assert!(self.log.contains("a mail did not leave"), "{}", self.log);
    }
}

impl Stage {
    /// Waits until the refusal has been read and logged: then the mail waits for its next try,
    /// which is sooner than the end of the time for which a node claims one.
    async fn until_it_was_put_off(&self) {
        for _ in 0..300 {
            let jobs = dump(&self.database).await.remove("queue").expect("the queue");
            let put_off = jobs.iter().any(|job| {
                let of = |column: &str| {
                    let found = job.lines().find_map(|line| line.strip_prefix(column));
                    found.and_then(|value| value.parse::<i64>().ok()).unwrap_or_default()
                };
                let waits = of("due_at=") - of("created_at=");
                job.contains("kind=mail") && of("tries=") > 0 && waits < 60_000
            });
            if put_off {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("the refused mail is not put off");
    }
}

/// A server that takes every mail, and then refuses it with its own words.
struct Echo {
    port: u16,
    links: Arc<Mutex<Vec<String>>>,
}

impl Echo {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let links: Arc<Mutex<Vec<String>>> = Arc::default();
        let found = Arc::clone(&links);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let found = Arc::clone(&found);
                std::thread::spawn(move || talk(&stream, &found));
            }
        });
        Self { port, links }
    }

    fn links(&self) -> Vec<String> {
        self.links.lock().expect("no panic").clone()
    }
}

fn talk(stream: &TcpStream, found: &Mutex<Vec<String>>) -> Option<()> {
    let mut writing = stream;
    let mut lines = BufReader::new(stream).lines();
    let mut say = |words: &str| writing.write_all(format!("{words}\r\n").as_bytes()).ok();
    say("220 mail.example ESMTP")?;
    while let Some(Ok(line)) = lines.next() {
        match line.get(..4).unwrap_or_default().to_ascii_uppercase().as_str() {
            "EHLO" => say("250-mail.example\r\n250 AUTH PLAIN LOGIN")?,
            "AUTH" => say("235 2.7.0 Welcome")?,
            "DATA" => {
                say("354 Go on")?;
                let body: Vec<_> =
                    lines.by_ref().map_while(Result::ok).take_while(|line| line != ".").collect();
                let text = body.join("\n").replace("=\n", "");
                let link = text.split("/recover/").nth(1).unwrap_or_default();
                let token: String = link.chars().take(43).collect();
                if token.len() == 43 {
                    found.lock().expect("no panic").push(token.clone());
                }
                say(&format!(
                    "554 5.7.1 Message refused: http://localhost/recover/{token} is bad"
                ))?;
            }
            "QUIT" => return say("221 Bye"),
            _ => say("250 OK")?,
        }
    }
    None
}
