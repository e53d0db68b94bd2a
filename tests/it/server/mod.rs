//! The listeners, over real sockets.

mod background;
mod bounds;
mod client_address;
mod flow_control;
mod lifecycle;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use latchkey::config::Config;
use latchkey::server::tls::Certificate;
use latchkey::server::{Limits, Server, Shutdown};
use latchkey::telemetry::Metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// A server in this process.
pub struct Running {
    pub public: SocketAddr,
    pub management: SocketAddr,
    pub certificate: Vec<u8>,
    pub shutdown: Shutdown,
    pub metrics: Arc<Metrics>,
    pub task: JoinHandle<anyhow::Result<()>>,
}

/// Bounds that a test can wait for.
pub fn quick() -> Limits {
    Limits {
        header_read: Duration::from_millis(300),
        body_read: Duration::from_millis(400),
        request: Duration::from_millis(800),
        write_stall: Duration::from_millis(400),
        idle: Duration::from_millis(900),
        lame_duck: Duration::ZERO,
        readiness: Duration::from_millis(200),
        ..Limits::default()
    }
}

pub fn local() -> Config {
    let mut config = Config::default();
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.server.management_listen = "127.0.0.1:0".parse().unwrap();
    config
}

pub fn start(config: &Config, limits: Limits) -> Running {
    start_with(config, limits, routes(), async || Ok(()))
}

pub fn start_with<F, Fut>(config: &Config, limits: Limits, router: Router, ready: F) -> Running
where
    F: Fn() -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let server = Server::bind(config).unwrap().with_limits(limits);
    let shutdown = Shutdown::default();
    Running {
        public: server.public_addr().unwrap(),
        management: server.management_addr().unwrap(),
        certificate: server.certificate().map(Certificate::der).unwrap_or_default(),
        metrics: Arc::clone(server.metrics()),
        task: tokio::spawn(server.serve(router, ready, shutdown.clone())),
        shutdown,
    }
}

fn routes() -> Router {
    Router::new()
        .route("/hello", get(async || "hello"))
        .route(
            "/slow",
            get(async || {
                tokio::time::sleep(Duration::from_millis(300)).await;
                "slow"
            }),
        )
        .route("/forever", get(std::future::pending::<&'static str>))
        .route("/large", get(async || vec![b'x'; 64 * 1024 * 1024]))
        .route("/page", get(async || vec![b'x'; 4096]))
        .route("/panic", get(async || -> &'static str { panic!("canary") }))
        .route("/echo", post(async |body: axum::body::Bytes| body))
}

/// Sends `bytes` and reads until the server closes or `Content-Length` is there.
pub async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may have answered and closed before all was sent.
    let _ = stream.write_all(bytes.as_ref()).await;
    read_response(&mut stream).await
}

pub async fn read_response(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let whole = async {
        let mut buffer = [0; 4096];
        while let Ok(count) = stream.read(&mut buffer).await {
            read.extend_from_slice(&buffer[..count]);
            if count == 0 || is_whole(&read) {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), whole).await.expect("an answer in time");
    String::from_utf8_lossy(&read).into_owned()
}

fn is_whole(read: &[u8]) -> bool {
    let text = String::from_utf8_lossy(read).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length
        .and_then(|length| length.parse::<usize>().ok())
        .is_some_and(|length| body.len() >= length)
}

pub async fn get_path(address: SocketAddr, path: &str) -> String {
    exchange(address, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await
}

pub fn status(response: &str) -> u16 {
    response.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0)
}
