//! What operators ask: is it alive, can it serve, its figures.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio_util::sync::CancellationToken;

use crate::paths;
use crate::telemetry::Metrics;

/// The routes of the management listener. `stopping` turns `/readyz` to no, whatever `readiness`
/// says; `/healthz` asks nobody.
pub(super) fn routes<F, Fut>(
    metrics: Arc<Metrics>,
    readiness: F,
    within: Duration,
    stopping: CancellationToken,
) -> Router
where
    F: Fn() -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let ready = move || {
        let (readiness, stopping) = (readiness.clone(), stopping.clone());
        async move {
            if stopping.is_cancelled() {
                return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
            }
            match tokio::time::timeout(within, readiness()).await {
                Ok(Ok(())) => (StatusCode::OK, "ready\n"),
                Ok(Err(error)) => {
                    tracing::warn!(error = format!("{error:#}"), "not ready");
                    (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
                }
                Err(_elapsed) => {
                    tracing::warn!("not ready: the database did not answer in time");
                    (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
                }
            }
        }
    };
    let figures = move || {
        let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
        let text = metrics.render();
        async move { (kind, text).into_response() }
    };
    Router::new()
        .route(paths::HEALTHZ, get(async || "alive\n"))
        .route(paths::READYZ, get(ready))
        .route(paths::METRICS, get(figures))
}
