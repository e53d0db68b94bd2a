//! A network that can fall silent: what is sent is taken and never arrives, and nobody is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// What stands between a node and its database.
pub struct Wall {
    /// The database's URL on this side.
    pub url: String,
    /// Odd while the network is silent; a connection of an earlier time stays so for ever.
    time: Arc<AtomicUsize>,
}

impl Wall {
    /// Before the PostgreSQL at `url`.
    pub async fn before(url: &str) -> Self {
        let mut near = Url::parse(url).expect("a URL");
        let behind = format!("{}:{}", near.host_str().expect("a host"), near.port().expect("one"));
        let behind: SocketAddr = behind.parse().expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        near.set_port(Some(listener.local_addr().expect("an address").port())).expect("a port");
        let time = Arc::new(AtomicUsize::new(0));
        tokio::spawn(accept(listener, behind, Arc::clone(&time)));
        Self { url: near.into(), time }
    }

    /// From now on nothing gets through.
    pub fn fall_silent(&self) {
        assert_eq!(self.time.fetch_add(1, Ordering::SeqCst) % 2, 0, "it is silent already");
    }

    /// From now on new connections get through; those there were stay silent.
    pub fn heal(&self) {
        assert_eq!(self.time.fetch_add(1, Ordering::SeqCst) % 2, 1, "it is not silent");
    }
}

async fn accept(listener: TcpListener, behind: SocketAddr, time: Arc<AtomicUsize>) {
    while let Ok((near, _)) = listener.accept().await {
        let Ok(far) = TcpStream::connect(behind).await else { continue };
        let (born, (from, to), (back, away)) =
            (time.load(Ordering::SeqCst), near.into_split(), far.into_split());
        tokio::spawn(carry(from, away, born, Arc::clone(&time)));
        tokio::spawn(carry(back, to, born, Arc::clone(&time)));
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    born: usize,
    time: Arc<AtomicUsize>,
) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let now = time.load(Ordering::SeqCst);
        let through = now == born && now.is_multiple_of(2);
        if through && to.write_all(&bytes[..count]).await.is_err() {
            break;
        }
    }
    // The end of a connection that fell silent is not heard of either, until all ends.
    if time.load(Ordering::SeqCst) != born {
        std::future::pending::<()>().await;
    }
}
