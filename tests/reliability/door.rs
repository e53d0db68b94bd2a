//! Another door on the same machine, behind which is nothing to harm.
//!
//! Who attacks in these tests shares the cores with the provider and with those who measure it.
//! While they knock here, what they cost by themselves is in the figures; what is more when they
//! knock at the provider, the attack costs.

use std::net::SocketAddr;

use axum::body::Bytes;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, serve};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// As long as the longest style sheet: it does not fit into the buffers of who reads nothing.
const LONG: usize = 60_000;

/// A server that is always busy and waits for everybody. It ends with this.
pub struct Door {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl Door {
    pub fn open() -> Self {
        let runtime = Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            serve(listener, Router::new().fallback(answer)).await
        });
        Self { address, runtime: Some(runtime) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // Not to be waited for: this may be dropped where waiting is forbidden.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn answer(method: Method, _: Bytes) -> Response {
    match method {
        Method::GET => "x".repeat(LONG).into_response(),
        _ => (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]).into_response(),
    }
}
