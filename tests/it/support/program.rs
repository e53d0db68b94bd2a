//! The program as an operator has it: the built binary in a folder of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use latchkey::clock::Clock;
use serde_json::Value;
use tempfile::TempDir;

use super::browser::Browser;
use super::endpoint::Endpoints;
use super::oracles::Oracles;

/// The binary, with a folder that is its working directory and that vanishes with the test.
pub struct Program {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

/// What a command did.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Program {
    /// In an empty folder, without any configuration.
    pub fn new() -> Self {
        Self { folder: TempDir::new().expect("a folder"), environment: Vec::new() }
    }

    /// The same, with listeners on ports that nobody else has.
    pub fn apart() -> Self {
        let mut program = Self::new();
        program.set("LATCHKEY_SERVER__LISTEN", "127.0.0.1:0");
        program.set("LATCHKEY_SERVER__MANAGEMENT_LISTEN", "127.0.0.1:0");
        program
    }

    /// With this key of the configuration (`LATCHKEY_…`) for all that follows.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(other, _)| other != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Done {
        self.run_with(arguments, "")
    }

    /// Runs a command with this standard input.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Done {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut stdin = child.stdin.take().expect("a standard input");
        // A command that wants no input may have ended already.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        Done::of(&child.wait_with_output().expect("the program ends"))
    }

    /// Begins a command that nobody listens to.
    pub fn begin(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("the program starts")
    }

    /// Runs a command whose output goes there instead of to somebody who reads it.
    pub fn run_into(&self, arguments: &[&str], output: Stdio) -> Done {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(output).stderr(Stdio::piped());
        let child = command.spawn().expect("the program starts");
        Done::of(&child.wait_with_output().expect("the program ends"))
    }

    /// Starts a command that goes on printing.
    pub fn follow(&self, arguments: &[&str]) -> Following {
        let mut command = self.command(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().expect("the program starts");
        let output = BufReader::new(child.stdout.take().expect("a standard output"));
        let (told, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // Whoever stops listening wants no more.
                if told.send(line).is_err() {
                    break;
                }
            }
        });
        Following { child, lines }
    }

    /// Starts `serve` and waits until it is ready.
    pub async fn serve(&mut self) -> Serving {
        let (public, management) = (free_port(), free_port());
        self.set("LATCHKEY_ISSUER", &format!("http://localhost:{public}"));
        self.set("LATCHKEY_SERVER__LISTEN", &format!("127.0.0.1:{public}"));
        self.set("LATCHKEY_SERVER__MANAGEMENT_LISTEN", &format!("127.0.0.1:{management}"));
        self.serve_at(public, management).await
    }

    /// Starts `serve` as it is configured, which must be on these ports.
    pub async fn serve_at(&self, public: u16, management: u16) -> Serving {
        let mut command = self.command(&["serve"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut log = child.stderr.take().expect("a standard error");
        let reading = std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = log.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let mut serving = Serving {
            child,
            issuer: format!("http://localhost:{public}"),
            management,
            reading: Some(reading),
        };
        serving.wait_until_ready().await;
        serving
    }
}

impl Done {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// The standard output; fails unless the command succeeded without complaint.
    #[track_caller]
    pub fn good(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{}", self.stdout);
        self.stdout
    }

    /// The standard output as JSON.
    #[track_caller]
    pub fn json(self) -> Value {
        let text = self.good();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// The one line that explains a failure.
    #[track_caller]
    pub fn failure(self) -> String {
        assert_eq!(self.code, 1, "{self:?}");
        let line = self.stderr.trim_end();
        assert!(!line.contains('\n'), "more than a line: {line}");
        assert!(line.starts_with("latchkey: "), "{line}");
        line.to_owned()
    }
}

/// A command that goes on printing.
pub struct Following {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Following {
    /// The lines up to the one with `words`.
    pub fn until(&self, words: &str) -> Vec<String> {
        let mut came = Vec::new();
        loop {
            let line = self.lines.recv_timeout(Duration::from_mins(1));
            let line = line.unwrap_or_else(|_| panic!("{words:?} does not come after {came:?}"));
            let found = line.contains(words);
            came.push(line);
            if found {
                return came;
            }
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running `latchkey serve`.
pub struct Serving {
    child: Child,
    pub issuer: String,
    pub management: u16,
    reading: Option<std::thread::JoinHandle<String>>,
}

impl Serving {
    async fn wait_until_ready(&mut self) {
        let ready = format!("http://127.0.0.1:{}/readyz", self.management);
        for _ in 0..600 {
            if let Ok(answer) = super::browser::http().get(&ready).send().await
                && answer.status().is_success()
            {
                return;
            }
            if let Some(status) = self.child.try_wait().expect("a child") {
                let log = self.reading.take().map(std::thread::JoinHandle::join);
                panic!("it ended with {status}: {log:?}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it does not get ready");
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A browser that was never here.
    pub fn browser(&self, oracles: &Oracles) -> Browser {
        Browser::new(&self.issuer, oracles.clone(), Clock::System)
    }

    pub fn endpoints(&self, oracles: &Oracles) -> Endpoints {
        Endpoints::new(&self.issuer, oracles.clone())
    }

    /// The figures of `/metrics`.
    pub async fn figures(&self) -> String {
        let address = format!("http://127.0.0.1:{}/metrics", self.management);
        let answer = super::browser::http().get(address).send().await.expect("an answer");
        answer.text().await.expect("text")
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().expect("kill runs");
        assert!(sent.success());
    }

    /// Sends SIGTERM; the exit code, and all that was logged.
    pub async fn stop(mut self) -> (i32, String) {
        self.signal("TERM");
        for _ in 0..400 {
            if let Some(status) = self.child.try_wait().expect("a child") {
                let log = self.reading.take().expect("it is read once").join();
                return (status.code().unwrap_or(-1), log.expect("a log"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it does not stop");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody listens on at this moment.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}
