//! The listening socket and the connections on it.
//!
//! Own accept loop over hyper, not `axum::serve`: it keeps a connection's buffers small (8 KiB and no `auto` protocol
//! detection; `axum::serve` was measured at 19.6 KB a stream, this way at 11.3), sets `TCP_NODELAY`, ends readers that do not read and
//! drains with a deadline.

mod connection;
mod encryption;
mod pace;
mod write_deadline;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt as _;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::health::Health;
use crate::http::ProblemCode;
use crate::observation::{Observation, Observer};
use connection::{serve_encrypted, serve_plain};

pub use encryption::{Encryption, EncryptionFiles};

/// How connections are treated.
#[derive(Clone, Copy, Debug)]
pub struct ServerOptions {
    /// Connections at a time; who comes on top is told so, and a few are not even that.
    pub max_connections: usize,
    /// The longest a connection may be silent between requests, and a request's head may take.
    pub idle_timeout: Duration,
    /// The longest a socket, or a stream of HTTP/2, may refuse bytes before its reader counts as gone.
    pub write_timeout: Duration,
    /// How long new connections are still accepted after SIGTERM, for load balancers to notice.
    pub drain_delay: Duration,
    /// How long connections then have to end by themselves.
    pub drain_timeout: Duration,
}

/// Connections that wait to be accepted: as many as Linux allows by default, for all clients come back at once after a restart.
const BACKLOG: u32 = 4096;

/// Connections beyond the maximum that are told why they are closed, and how much time each has to listen.
const TOLD_WHY: usize = 32;
const REFUSED_TIMEOUT: Duration = Duration::from_secs(2);

/// A pause after a failed accept: the usual cause, no descriptor left, does not pass faster.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections.
pub struct Server {
    listener: TcpListener,
    encryption: Option<Arc<Encryption>>,
    options: ServerOptions,
    observer: Arc<Observer>,
}

impl Server {
    /// Binds the address; port 0 takes a free one.
    ///
    /// # Errors
    /// The address is taken or not ours.
    pub fn bind(
        address: SocketAddr,
        encryption: Option<Arc<Encryption>>,
        options: ServerOptions,
        observer: Arc<Observer>,
    ) -> io::Result<Self> {
        let listener = listen(address)?;
        observer.observe(&Observation::Listening { address: listener.local_addr()? });
        Ok(Self { listener, encryption, options, observer })
    }

    /// Serves until `shutdown`, then drains: readiness goes at once and streams end, but connections are still accepted
    /// for `drain_delay`; what is open `drain_timeout` later is cut. `refusing` answers on connections beyond the maximum.
    pub async fn serve(
        self,
        router: Router,
        refusing: Router,
        health: &Health,
        shutdown: impl Future<Output = ()>,
    ) {
        let connections = GracefulShutdown::new();
        tokio::select! {
            () = self.accept(&router, &refusing, &connections) => {}
            () = shutdown => {}
        }
        self.observer.observe(&Observation::Draining);
        health.drain();
        tokio::select! {
            () = self.accept(&router, &refusing, &connections) => {}
            () = tokio::time::sleep(self.options.drain_delay) => {}
        }
        drop(self.listener);
        let drained = tokio::time::timeout(self.options.drain_timeout, connections.shutdown()).await;
        self.observer.observe(&Observation::Stopped { unfinished: drained.is_err() });
    }

    async fn accept(&self, router: &Router, refusing: &Router, connections: &GracefulShutdown) {
        let refused =
            ServerOptions { idle_timeout: REFUSED_TIMEOUT, write_timeout: REFUSED_TIMEOUT, ..self.options };
        loop {
            match self.listener.accept().await {
                Ok((socket, _)) => {
                    let watcher = connections.watcher();
                    // The watcher is counted already.
                    let excess = connections.count().saturating_sub(self.options.max_connections);
                    if excess > 0 {
                        let code = ProblemCode::TooManyConnections;
                        self.observer.observe(&Observation::Refused { code });
                    }
                    if excess == 0 {
                        self.spawn(socket, router.clone(), self.options, watcher);
                    } else if excess <= TOLD_WHY {
                        self.spawn(socket, refusing.clone(), refused, watcher);
                    }
                }
                Err(error) => {
                    self.observer.observe(&Observation::AcceptFailed { error: &error });
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

impl Server {
    fn spawn(&self, socket: TcpStream, router: Router, options: ServerOptions, watcher: Watcher) {
        let open = OpenConnection::new(&self.observer);
        // Not an async block: it would keep room for what it waits for twice.
        // What a connection ends with concerns nobody, see there.
        if let Some(encryption) = &self.encryption {
            tokio::spawn(
                serve_encrypted(socket, encryption.acceptor(), router, options, watcher)
                    .map(move |_| drop(open)),
            );
        } else if let Some(serving) = serve_plain(socket, router, &options, watcher) {
            tokio::spawn(serving.map(move |_| drop(open)));
        }
    }
}

/// A connection that is counted.
struct OpenConnection(Arc<Observer>);

impl OpenConnection {
    fn new(observer: &Arc<Observer>) -> Self {
        observer.observe(&Observation::ConnectionOpened);
        Self(Arc::clone(observer))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.observe(&Observation::ConnectionClosed);
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A process that follows another need not wait for the other's last connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
