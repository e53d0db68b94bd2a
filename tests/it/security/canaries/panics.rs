//! A panic in the middle of a request that is full of secrets.

use std::io::Write;
use std::panic::{set_hook, take_hook};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::post;
use latchkey::config::LogFormat;
use latchkey::telemetry;
use tracing::Dispatch;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use crate::server::{exchange, local, quick, start_with, status};

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic while writing").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Panics of this thread are told as the program tells them; all others as before.
fn tell_panics_of_this_thread() {
    let (before, this) = (take_hook(), std::thread::current().id());
    set_hook(Box::new(move |panic| {
        if std::thread::current().id() == this {
            telemetry::tell_panic(panic);
        } else {
            before(panic);
        }
    }));
}

#[tokio::test]
async fn s_178_a_panic_tells_its_place_and_nothing_of_the_request() {
    tell_panics_of_this_thread();
    for form in [LogFormat::Text, LogFormat::Json] {
        let log = Log::default();
        let to = log.clone();
        let lines = telemetry::lines::<Registry, _>(form, false, move || to.clone());
        let dispatch = Dispatch::new(Registry::default().with(lines));
        let listening = tracing::dispatcher::set_default(&dispatch);
        let router = Router::new().route(
            "/panic",
            post(async |request: axum::extract::Request| -> &'static str {
                let (head, body) = request.into_parts();
                let body = axum::body::to_bytes(body, 1000).await;
                panic!("{head:?} {body:?}");
            }),
        );
        let server = start_with(&local(), quick(), router, async || Ok(()));
        let form = "password=CANARY-password&code=CANARY-code";
        let request = format!(
            "POST /panic?code=CANARY-query HTTP/1.1\r\nhost: localhost\r\n\
             authorization: Bearer CANARY-token\r\ncookie: session=CANARY-cookie\r\n\
             user-agent: curl\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{form}",
            form.len()
        );
        let answer = exchange(server.public, request).await;
        assert_eq!(status(&answer), 500, "{answer}");
        assert!(!answer.contains("CANARY"), "{answer}");
        drop(listening);
        let log = String::from_utf8(log.0.lock().expect("no panic").clone()).expect("text");
        assert!(log.contains("a task panicked") && log.contains("canaries/panics.rs"), "{log}");
        assert!(!log.contains("CANARY"), "{log}");
    }
}
