//! One connection: plain HTTP/1.1, or TLS and then HTTP/1.1 or HTTP/2 as the client prefers.
//!
//! The plain way has a function of its own, and not a branch, because a task is as large as the largest thing it might do, and most
//! connections are plain: a balancer ends TLS before them.

use std::io;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use hyper_util::service::TowerToHyperService;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::ServerOptions;
use super::encryption::HTTP2;
use super::pace::{Paced, Requests};
use super::write_deadline::WriteDeadline;

/// hyper's minimum. A response's body is not copied into it, so it bounds the head of a request.
const BUFFER_BYTES: usize = 8 * 1024;

/// The bound of a request's head over HTTP/2, which counts 32 bytes more for each field.
const HEAD_BYTES: u32 = 16 * 1024;

/// How long a client has for the handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Requests at a time on one connection of HTTP/2; a stream is one of them.
const CONCURRENT_REQUESTS: u32 = 128;

/// Bytes that HTTP/2 takes over from a response before its client has read them, for each request.
const SEND_BUFFER_BYTES: usize = 16 * 1024;

/// Serves a connection that is not encrypted. None: the peer is gone already.
///
/// Not an `async fn`, which would hold its parameters, and the connection twice, for as long as the connection lives: some
/// hundred bytes for each of many thousands.
pub fn serve_plain(
    socket: TcpStream,
    router: Router,
    options: &ServerOptions,
    watcher: Watcher,
) -> Option<impl Future<Output = hyper::Result<()>> + Send + use<>> {
    prepare(&socket).ok()?;
    Some(watcher.watch(http1(WriteDeadline::new(socket, options.write_timeout), router, options)))
}

/// Shakes hands, and serves what was agreed on.
pub async fn serve_encrypted(
    socket: TcpStream,
    acceptor: TlsAcceptor,
    router: Router,
    options: ServerOptions,
    watcher: Watcher,
) -> hyper::Result<()> {
    if prepare(&socket).is_err() {
        return Ok(());
    }
    let socket = WriteDeadline::new(socket, options.write_timeout);
    // A handshake that fails is a client that does not trust the certificate, or no client at all.
    let limit = HANDSHAKE_TIMEOUT.min(options.idle_timeout);
    let Ok(Ok(socket)) = tokio::time::timeout(limit, acceptor.accept(socket)).await else { return Ok(()) };
    if socket.get_ref().1.alpn_protocol() == Some(HTTP2) {
        watcher.watch(http2(socket, router, &options)).await
    } else {
        watcher.watch(http1(socket, router, &options)).await
    }
}

/// Ends well, or with an error: a peer that went or spoke something else. hyper has answered 400 where that was possible, and a
/// stream counts its own end.
fn http1<S>(
    socket: S,
    router: Router,
    options: &ServerOptions,
) -> http1::Connection<TokioIo<S>, TowerToHyperService<Router>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.idle_timeout)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(socket), TowerToHyperService::new(router))
}

fn http2<S>(
    socket: S,
    router: Router,
    options: &ServerOptions,
) -> http2::Connection<TokioIo<S>, Paced, Requests>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // A ping that is not answered ends the connection, so that a client that vanished does not stay until TCP notices.
    http2::Builder::new(Requests { limit: options.write_timeout })
        .timer(TokioTimer::new())
        .max_concurrent_streams(CONCURRENT_REQUESTS)
        .max_header_list_size(HEAD_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .keep_alive_interval(Some(options.idle_timeout))
        .keep_alive_timeout(options.write_timeout)
        .serve_connection(TokioIo::new(socket), Paced::new(router))
}

fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_mins(1))
        .with_interval(Duration::from_secs(15))
        .with_retries(4);
    SockRef::from(socket).set_tcp_keepalive(&keepalive)
}
