//! Who calls, for what is written down while a request is answered.

use std::net::IpAddr;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use crate::secret::Random;
use crate::telemetry::{Caller, RequestId};
use crate::web::client_address::ClientAddress;
use crate::web::session::user_agent;

/// The layer under which every event names its request and where that came from; the name that a
/// listener has given it stays. It stands within the one that works out the address.
pub async fn name(mut request: Request, next: Next) -> Response {
    let known = request.extensions().get::<RequestId>().cloned();
    let request_id = known.unwrap_or_else(|| {
        let id = RequestId::new(&Random::System);
        request.extensions_mut().insert(id.clone());
        id
    });
    let address = request.extensions().get::<ClientAddress>();
    let address = address.map(|ClientAddress(address): &ClientAddress| address.to_canonical());
    let address = address.as_ref().map(IpAddr::to_string).unwrap_or_default();
    let caller = Caller { request_id, address, user_agent: user_agent(request.headers()) };
    caller.scope(next.run(request)).await
}
