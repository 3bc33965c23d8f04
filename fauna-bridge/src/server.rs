//! The listening socket and the connections on it.
//!
//! Own accept loop over hyper, not `axum::serve`: it keeps a connection's buffers small (8 KiB and no `auto` protocol
//! detection; `axum::serve` was measured at 19.6 KB a stream, this way at 11.3), sets `TCP_NODELAY`, ends readers that do not read and
//! drains with a deadline.

mod write_deadline;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};

use crate::health::Health;
use crate::observation::{Observation, Observer};
use write_deadline::WriteDeadline;

/// How connections are treated.
#[derive(Clone, Copy, Debug)]
pub struct ServerOptions {
    /// The longest a connection may be silent between requests, and a request's head may take.
    pub idle_timeout: Duration,
    /// The longest a socket may refuse bytes before its reader counts as gone.
    pub write_timeout: Duration,
    /// How long new connections are still accepted after SIGTERM, for load balancers to notice.
    pub drain_delay: Duration,
    /// How long connections then have to end by themselves.
    pub drain_timeout: Duration,
}

/// hyper's minimum. A response's body is not copied into it, so it bounds the head of a request.
const BUFFER_BYTES: usize = 8 * 1024;

/// A pause after a failed accept: the usual cause, no descriptor left, does not pass faster.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections.
pub struct Server {
    listener: TcpListener,
    options: ServerOptions,
    observer: Arc<Observer>,
}

impl Server {
    /// Binds the address; port 0 takes a free one.
    ///
    /// # Errors
    /// The address is taken or not ours.
    pub async fn bind(
        address: SocketAddr,
        options: ServerOptions,
        observer: Arc<Observer>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        observer.observe(&Observation::Listening { address: listener.local_addr()? });
        Ok(Self { listener, options, observer })
    }

    /// Serves until `shutdown`, then drains: readiness goes at once and streams end, but connections are still accepted
    /// for `drain_delay`; what is open `drain_timeout` later is cut.
    pub async fn serve(self, router: Router, health: &Health, shutdown: impl Future<Output = ()>) {
        let connections = GracefulShutdown::new();
        tokio::select! {
            () = self.accept(&router, &connections) => {}
            () = shutdown => {}
        }
        self.observer.observe(&Observation::Draining);
        health.drain();
        tokio::select! {
            () = self.accept(&router, &connections) => {}
            () = tokio::time::sleep(self.options.drain_delay) => {}
        }
        drop(self.listener);
        let drained = tokio::time::timeout(self.options.drain_timeout, connections.shutdown()).await;
        self.observer.observe(&Observation::Stopped { unfinished: drained.is_err() });
    }

    async fn accept(&self, router: &Router, connections: &GracefulShutdown) {
        loop {
            match self.listener.accept().await {
                Ok((socket, _)) => {
                    let serving =
                        serve_connection(socket, router.clone(), self.options, connections.watcher());
                    tokio::spawn(serving);
                }
                Err(error) => {
                    self.observer.observe(&Observation::AcceptFailed { error: &error });
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn serve_connection(socket: TcpStream, router: Router, options: ServerOptions, watcher: Watcher) {
    if prepare(&socket).is_err() {
        // The peer is gone already.
        return;
    }
    let io = TokioIo::new(WriteDeadline::new(socket, options.write_timeout));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.idle_timeout)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(io, TowerToHyperService::new(router));
    // An error here is a peer that went or spoke something else; hyper has answered 400 where that was possible, and a
    // stream counts its own end.
    let _ = watcher.watch(connection).await;
}

fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_mins(1))
        .with_interval(Duration::from_secs(15))
        .with_retries(4);
    SockRef::from(socket).set_tcp_keepalive(&keepalive)
}
