//! The page of an application that people come back to, on an origin of its own.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::Html;
use axum::routing::get;
use reqwest::{Method, Url};

use crate::support::browser::Departure;

/// A running application with one page, `/cb`.
pub struct ClientPage {
    /// Its redirect URI.
    pub redirect_uri: String,
    /// What its sign-out page is called.
    pub signed_out_uri: String,
    came: Came,
    server: tokio::task::JoinHandle<()>,
}

type Came = Arc<Mutex<Vec<Departure>>>;

impl ClientPage {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let came = Came::default();
        let routes = Router::new()
            .route("/cb", get(came_by_get).post(came_by_post))
            .route("/signed-out", get(|| async { page("Signed out of the shop") }))
            .route("/favicon.ico", get(|| async {}))
            .with_state(came.clone());
        let server = tokio::spawn(async move {
            axum::serve(listener, routes).await.expect("the application serves");
        });
        let redirect_uri = format!("{origin}/cb");
        Self { redirect_uri, signed_out_uri: format!("{origin}/signed-out"), came, server }
    }

    /// What the last visitor brought.
    pub fn last(&self) -> Departure {
        let came = self.came.lock().expect("no test has panicked");
        came.last().expect("nobody came back to the application").clone()
    }
}

impl Drop for ClientPage {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn page(heading: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>{heading}</title>\
         <main><h1>{heading}</h1></main>"
    ))
}

fn address(query: Option<&str>) -> Url {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    Url::parse(&format!("http://client.example/cb{query}")).expect("an address")
}

async fn came_by_get(State(came): State<Came>, RawQuery(query): RawQuery) -> Html<String> {
    let url = address(query.as_deref());
    came.lock().expect("no test has panicked").push(Departure {
        url,
        method: Method::GET,
        form: Vec::new(),
    });
    page("Welcome to the shop")
}

async fn came_by_post(
    State(came): State<Came>,
    RawQuery(query): RawQuery,
    body: String,
) -> Html<String> {
    let form = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let url = address(query.as_deref());
    came.lock().expect("no test has panicked").push(Departure { url, method: Method::POST, form });
    page("Welcome to the shop")
}
