//! The provider as a whole: its handles, its listeners, its clockwork.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::secret::Random;
use crate::server::background::Background;
use crate::server::router::router_within;
use crate::server::{Server, Shutdown, post, sweeping};
use crate::web::rate_limit::AddressLimits;
use crate::web::refusal;

/// How long the clockwork may take to finish what it is at, and then the database.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// How often the limits forget who has gone.
const TIDY_EVERY: Duration = Duration::from_secs(30);

/// A provider that is about to serve.
pub struct Provider {
    app: Arc<App>,
    server: Server,
}

impl Provider {
    /// Takes the listeners, opens what the provider needs, makes it ready.
    pub async fn start(config: Config, clock: Clock, random: Random) -> anyhow::Result<Self> {
        let server = Server::bind(&config)?.with_refusals(refusal::refuse);
        let app = App::start(config, clock, random).await?;
        Ok(Self { app, server })
    }

    /// The handles.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Where the public listener listens.
    pub fn public_addr(&self) -> std::io::Result<SocketAddr> {
        self.server.public_addr()
    }

    /// Where the management listener listens.
    pub fn management_addr(&self) -> std::io::Result<SocketAddr> {
        self.server.management_addr()
    }

    /// Serves until it is told to stop, then finishes what was begun.
    pub async fn serve(self, shutdown: Shutdown) -> anyhow::Result<()> {
        let Self { app, server } = self;
        let immediately = shutdown.immediately.clone();
        let background = Background::default();
        sweeping::start(&background, &app);
        post::start(&background, &app);
        let limits = AddressLimits::new(&app.config.rate_limits, &app.random);
        tidy_limits(&background, &app, &limits);
        let readiness = {
            let app = Arc::clone(&app);
            move || {
                let app = Arc::clone(&app);
                async move { Ok(app.store.check().await?) }
            }
        };
        tracing::info!(
            issuer = app.config.issuer,
            address = %server.public_addr()?,
            management = %server.management_addr()?,
            "serving"
        );
        let served =
            server.serve(router_within(Arc::clone(&app), &limits), readiness, shutdown).await;
        tokio::select! {
            () = immediately.cancelled() => {}
            () = wind_down(&app, &background) => {}
        }
        served
    }
}

/// Finishes what goes on beside the requests, then lets go of the database. All of it has an end,
/// because the database may have fallen silent.
async fn wind_down(app: &App, background: &Background) {
    app.afterwards.close();
    let afterwards = tokio::time::timeout(STOP_WITHIN, app.afterwards.wait());
    let (_, followed) = tokio::join!(background.stop(STOP_WITHIN), afterwards);
    if followed.is_err() {
        tracing::warn!("what followed the last answers was cut short");
    }
    if tokio::time::timeout(STOP_WITHIN, app.store.close()).await.is_err() {
        tracing::warn!("the database did not let go in time");
    }
}

/// The limits remember who asked; they forget who has gone.
fn tidy_limits(background: &Background, app: &Arc<App>, limits: &AddressLimits) {
    let (app, limits) = (Arc::clone(app), limits.clone());
    background.spawn("limits", TIDY_EVERY, Duration::from_secs(5), move || {
        app.limits.tidy();
        limits.tidy();
        std::future::ready(Ok(()))
    });
}
