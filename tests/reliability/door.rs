//! Another door on the same machine, behind which is nothing to harm.

use axum::http::{StatusCode, header};
use axum::{Router, serve};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// A server that is always busy. It ends with this.
pub struct Door {
    base: String,
    runtime: Option<Runtime>,
}

impl Door {
    pub fn open() -> Self {
        let runtime = Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            let busy = async || (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")]);
            serve(listener, Router::new().fallback(busy)).await
        });
        Self { base, runtime: Some(runtime) }
    }

    pub fn base(&self) -> &str {
        &self.base
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
