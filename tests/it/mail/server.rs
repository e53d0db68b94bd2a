//! Mails to a server, over real sockets.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use latchkey::config::Config;
use latchkey::mail::{Mail, MailError};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;

use super::transport::letter;
use crate::support::mails;

/// A server that takes mails, or does not.
#[derive(Clone)]
pub struct MailServer {
    pub port: u16,
    pub taken: Arc<Mutex<Vec<String>>>,
    pub greeted: Arc<AtomicUsize>,
    refusals: Arc<AtomicUsize>,
    silent: bool,
}

impl MailServer {
    /// One that refuses so many mails ("try again later"), then takes all.
    pub async fn refusing(times: usize) -> Self {
        Self::start(times, false, None).await
    }

    /// One that takes connections and never says a word.
    pub async fn silent() -> Self {
        Self::start(0, true, None).await
    }

    async fn start(refusals: usize, silent: bool, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let server = Self {
            port: listener.local_addr().expect("an address").port(),
            taken: Arc::default(),
            greeted: Arc::default(),
            refusals: Arc::new(AtomicUsize::new(refusals)),
            silent,
        };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (server, tls) = (serving.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => server.talk(stream).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => server.talk(stream).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        server
    }

    async fn talk(&self, stream: impl AsyncRead + AsyncWrite + Unpin) -> Option<()> {
        self.greeted.fetch_add(1, Ordering::SeqCst);
        if self.silent {
            return std::future::pending().await;
        }
        let mut stream = BufReader::new(stream);
        let mut answer = "220 mail.example ESMTP";
        loop {
            stream.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
            stream.flush().await.ok()?;
            let mut line = String::new();
            stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
            answer = match line.get(..4)?.to_ascii_uppercase().as_str() {
                "EHLO" => "250-mail.example\r\n250 8BITMIME",
                "MAIL" if self.refuses() => "451 4.7.1 Greylisted, try again later",
                "DATA" => {
                    stream.write_all(b"354 Go on\r\n").await.ok()?;
                    stream.flush().await.ok()?;
                    let taken = body(&mut stream).await?;
                    self.taken.lock().expect("no panic").push(taken);
                    "250 2.0.0 Queued"
                }
                "QUIT" => return stream.write_all(b"221 Bye\r\n").await.ok(),
                _ => "250 OK",
            };
        }
    }

    fn refuses(&self) -> bool {
        let less = |left: usize| left.checked_sub(1);
        self.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok()
    }

    pub fn mails(&self) -> Vec<mails::Mail> {
        self.taken.lock().expect("no panic").iter().map(|raw| mails::Mail::read(raw)).collect()
    }

    pub fn transport(&self) -> String {
        format!("smtp://127.0.0.1:{}", self.port)
    }
}

async fn body(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Option<String> {
    let mut taken = String::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        if line == ".\r\n" {
            return Some(taken);
        }
        // RFC 5321 §4.5.2.
        taken.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

fn to(transport: &str) -> Config {
    let mut config = Config::default();
    transport.clone_into(&mut config.mail.transport);
    config
}

#[tokio::test]
async fn a_server_gets_the_mail_as_it_was_written() {
    let server = MailServer::refusing(1).await;
    let mail = Mail::open(&to(&server.transport())).expect("a way out");
    let letter = letter("0001", 1_772_442_000);
    let error = mail.send(&letter).await.expect_err("greylisted");
    assert!(matches!(error, MailError::NotNow(_)) && format!("{error}").contains("take it"));
    mail.send(&letter).await.expect("taken");
    let taken = server.mails();
    assert_eq!(taken.len(), 1);
    assert_eq!(
        (taken[0].subject.as_str(), taken[0].text.trim_end()),
        (&*letter.subject, &*letter.text)
    );
    assert_eq!(taken[0].headers["message-id"], "<0001@localhost>");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_soon() {
    let server = MailServer::silent().await;
    let mail = Mail::open(&to(&server.transport())).expect("a way out");
    let mail = mail.with_patience(Duration::from_millis(50));
    let error = mail.send(&letter("0001", 0)).await.expect_err("no answer");
    assert!(matches!(error, MailError::NotNow(_)) && format!("{error}").contains("not answer"));
}

#[tokio::test]
async fn nobody_else_is_taken_for_the_server() {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("a certificate");
    let chain = vec![key.cert.der().clone()];
    let secret = key.signing_key.serialize_der().try_into().expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, secret))
        .expect("a configuration of TLS");
    let server = MailServer::start(0, false, Some(TlsAcceptor::from(Arc::new(config)))).await;
    let mut config = to(&format!("smtps://localhost:{}", server.port));
    let stranger = Mail::open(&config).expect("a way out");
    stranger.send(&letter("0001", 0)).await.expect_err("its certificate is nobody's");
    assert!(server.mails().is_empty());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, key.cert.pem()).expect("a file");
    config.outbound.extra_ca = Some(file);
    let known = Mail::open(&config).expect("a way out");
    known.send(&letter("0001", 0)).await.expect("taken");
    assert_eq!(server.mails().len(), 1);
}
