//! What surrounds each request: its bounds, a task of its own, its line in the log.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;
use tracing::Instrument;

use super::connection::{Activity, InFlight};
use super::handing_over::Counted;
use super::limits::{Limits, Refusal};
use super::room::{Place, Room};
use crate::secret::Random;
use crate::telemetry::{Metrics, RequestId};
use crate::web::client_address::Peer;

/// Where a request comes from.
struct Caller<'a> {
    peer: Peer,
    id: &'a RequestId,
    activity: &'a Arc<Activity>,
}

/// What all requests of a listener share.
#[derive(Clone)]
pub(super) struct Requests {
    pub(super) router: Router,
    pub(super) limits: Arc<Limits>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) room: Room,
    pub(super) refusal: Refusal,
    pub(super) tasks: TaskTracker,
}

impl Requests {
    /// Answers one request; it always has an answer.
    pub(super) async fn answer(
        self,
        request: hyper::Request<Incoming>,
        peer: Peer,
        activity: Arc<Activity>,
    ) -> hyper::Response<Counted<(InFlight, Option<Place>)>> {
        let in_flight = activity.begin(request.version() == Version::HTTP_2);
        let length = request.body().size_hint().exact();
        let ambiguous = activity.take_ambiguous_head(length);
        // Where the next head begins is known only where the length of this body is.
        let is_last = length.is_none() && request.version() <= Version::HTTP_11;
        let id = RequestId::new(&Random::System);
        // Of the highest level, so that every line of the log has the id, whatever is logged.
        let span = tracing::error_span!("request", id = id.as_str());
        let path = request.uri().path().to_owned();
        let caller = Caller { peer, id: &id, activity: &activity };
        let place = self.room.enter(&self.metrics);
        let full = place.is_none().then_some(StatusCode::SERVICE_UNAVAILABLE);
        let mut response = match self.refused(&request, ambiguous).or(full) {
            Some(status) => span.in_scope(|| self.refuse(status, &path)),
            None => self.route(request, &path, caller, place.clone()).instrument(span).await,
        };
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert("x-request-id", value);
        }
        if is_last {
            close_after(response.headers_mut());
        }
        response.map(|body| Counted::new(body, (in_flight.answered(), place)))
    }

    /// What is refused by its header alone.
    fn refused(&self, request: &hyper::Request<Incoming>, ambiguous: bool) -> Option<StatusCode> {
        let (limits, headers) = (&self.limits, request.headers());
        let bytes = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
        let length = request.body().size_hint().lower();
        let encoding = headers.get(header::CONTENT_ENCODING);
        let uri = request.uri();
        let uri_bytes = uri.path_and_query().map_or(0, |path| path.as_str().len());
        if ambiguous {
            Some(StatusCode::BAD_REQUEST)
        } else if request.method() == Method::CONNECT {
            Some(StatusCode::METHOD_NOT_ALLOWED)
        } else if uri_bytes > limits.uri_bytes {
            Some(StatusCode::URI_TOO_LONG)
        } else if headers.len() > limits.headers || bytes.sum::<usize>() > limits.header_bytes {
            Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
        } else if length > limits.body_bytes {
            Some(StatusCode::PAYLOAD_TOO_LARGE)
        } else if encoding.is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
        {
            Some(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        } else {
            None
        }
    }

    fn refuse(&self, status: StatusCode, path: &str) -> Response {
        self.metrics.count("refused_requests");
        tracing::info!(status = status.as_u16(), "a request was refused");
        let mut response = (self.refusal)(status, path);
        let headers = response.headers_mut();
        close_after(headers);
        match status {
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }

    /// Hands the request to its door in a task of its own: a client that goes away does not cut
    /// off what it began, such as a transaction, and a panic ends this request only.
    async fn route(
        &self,
        request: hyper::Request<Incoming>,
        path: &str,
        caller: Caller<'_>,
        place: Option<Place>,
    ) -> Response {
        let fate = Arc::new(AtomicU8::new(BodyFate::Fine as u8));
        let mut request = request.map(|body| {
            Body::new(Bounded {
                body,
                left: self.limits.body_bytes,
                deadline: Box::pin(tokio::time::sleep(self.limits.body_read)),
                fate: Arc::clone(&fate),
                activity: Arc::clone(caller.activity),
            })
        });
        request.extensions_mut().insert(caller.peer);
        request.extensions_mut().insert(caller.id.clone());
        let answer = self.router.clone().oneshot(request).in_current_span();
        let task = self.tasks.spawn(async move {
            let _place = place;
            answer.await
        });
        let status = match tokio::time::timeout(self.limits.request, task).await {
            Ok(Ok(Ok(mut response))) => match fate.load(Ordering::SeqCst) {
                TOO_SLOW => StatusCode::REQUEST_TIMEOUT,
                TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
                _ => {
                    drop_hop_headers(response.headers_mut());
                    return response;
                }
            },
            Ok(Ok(Err(never))) => match never {},
            Ok(Err(_panicked)) => {
                self.metrics.count("panics");
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Err(_elapsed) => {
                self.metrics.count("request_timeouts");
                tracing::warn!("a request took too long");
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        self.refuse(status, path)
    }
}

/// The connection is not used again: the rest of the request is still on its way.
fn close_after(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
}

/// Headers that HTTP/2 forbids and hyper sets itself where they belong.
fn drop_hop_headers(headers: &mut HeaderMap) {
    headers.remove(header::TRANSFER_ENCODING);
}

/// The layer that writes a request's line in the log and counts it, by the route that matched.
pub(super) async fn log(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let start = Instant::now();
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = matched.as_ref().map_or("unmatched", MatchedPath::as_str);
    let (took, status) = (start.elapsed(), response.status().as_u16());
    metrics.request(route, method.as_str(), status, took);
    let method: String = method.as_str().chars().take(16).collect();
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(method, route, status, ms, "answered");
    response
}

#[derive(Clone, Copy)]
enum BodyFate {
    Fine = 0,
    TooSlow = 1,
    TooLarge = 2,
}

const TOO_SLOW: u8 = BodyFate::TooSlow as u8;
const TOO_LARGE: u8 = BodyFate::TooLarge as u8;

/// A request's body that ends in an error when it is too large or takes too long.
struct Bounded {
    body: Incoming,
    left: u64,
    deadline: Pin<Box<Sleep>>,
    fate: Arc<AtomicU8>,
    activity: Arc<Activity>,
}

/// Nobody waits for a body any more that is dropped.
impl Drop for Bounded {
    fn drop(&mut self) {
        self.activity.body_is(true);
    }
}

impl Bounded {
    fn fail(
        &self,
        fate: BodyFate,
        why: &'static str,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        self.fate.store(fate as u8, Ordering::SeqCst);
        Poll::Ready(Some(Err(why.into())))
    }
}

impl HttpBody for Bounded {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.body.is_end_stream() {
            return Poll::Ready(None);
        }
        if self.deadline.as_mut().poll(context).is_ready() {
            return self.fail(BodyFate::TooSlow, "the request's body took too long");
        }
        let polled = Pin::new(&mut self.body).poll_frame(context)?;
        if polled.is_pending() {
            // A byte now and then does not end the wait: only all of it does.
            self.activity.body_is(false);
        }
        let Some(frame) = ready!(polled) else {
            return Poll::Ready(None);
        };
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        match self.left.checked_sub(bytes as u64) {
            Some(left) => self.left = left,
            None => return self.fail(BodyFate::TooLarge, "the request's body is too large"),
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
