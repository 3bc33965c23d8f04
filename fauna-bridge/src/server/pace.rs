//! A client of HTTP/2 that must keep reading each of its streams.
//!
//! [`super::write_deadline`] sees a socket, and over HTTP/2 that carries many streams, of which a client may read all but one. hyper takes a piece
//! of a response's body and then waits for room in the stream's window, without asking the body again; so a stream that waits there
//! notices neither its age nor the end of its key. Here the body notes whether it was asked last with a piece to give, and a request whose
//! piece nobody takes for too long is dropped. That resets its stream, and leaves the connection and its other streams alone.
//!
//! Pieces are small, so that a reader which is slow and does read is not taken for one that stopped.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, Response};
use futures_util::TryFutureExt as _;
use futures_util::future::MapOk;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::rt::Executor;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use tokio::time::{Sleep, sleep};

/// The most bytes that are handed on at a time.
const PIECE_BYTES: usize = 16 * 1024;

/// How a body answered when it was asked last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// It was not asked.
    Silence,
    /// There was nothing to send, or is nothing any more.
    Nothing,
    /// It gave a piece.
    Piece,
}

tokio::task_local! {
    /// What the body of the request that is being polled answered.
    static ANSWER: Cell<Answer>;
}

/// Runs the requests of a connection, and drops those whose client takes nothing for `limit`.
#[derive(Clone)]
pub struct Requests {
    /// How long a piece may wait.
    pub limit: Duration,
}

impl<R: Future<Output = ()> + Send + 'static> Executor<R> for Requests {
    fn execute(&self, request: R) {
        tokio::spawn(Watched { request: Box::pin(request), limit: self.limit, deadline: None });
    }
}

/// A request until its response is sent, or for as long as somebody reads it.
struct Watched<R> {
    request: Pin<Box<R>>,
    limit: Duration,
    // There only while a piece waits, which for most streams is never.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl<R: Future<Output = ()>> Future for Watched<R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let request = &mut self.request;
        let (polled, answer) = ANSWER.sync_scope(Cell::new(Answer::Silence), || {
            (request.as_mut().poll(context), ANSWER.with(Cell::get))
        });
        if polled.is_ready() {
            return Poll::Ready(());
        }
        match answer {
            Answer::Silence => {}
            Answer::Nothing => self.deadline = None,
            // It was given just now, so what was given before has gone.
            Answer::Piece => self.deadline = Some(Box::pin(sleep(self.limit))),
        }
        let Some(deadline) = &mut self.deadline else { return Poll::Pending };
        ready!(deadline.as_mut().poll(context));
        Poll::Ready(())
    }
}

/// The router, with bodies that are handed on in pieces.
#[derive(Clone)]
pub struct Paced(TowerToHyperService<Router>);

impl Paced {
    /// For one connection.
    pub fn new(router: Router) -> Self {
        Self(TowerToHyperService::new(router))
    }
}

type Answering = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

impl Service<Request<Incoming>> for Paced {
    type Response = Response<Pieces>;
    type Error = std::convert::Infallible;
    type Future = MapOk<Answering, fn(Response<Body>) -> Response<Pieces>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.0.call(request).map_ok(|response| response.map(Pieces::of))
    }
}

/// A body in pieces.
pub struct Pieces {
    body: Body,
    /// What it gave and was not handed on yet.
    rest: Bytes,
}

impl Pieces {
    fn of(body: Body) -> Self {
        Self { body, rest: Bytes::new() }
    }
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            note(Answer::Nothing);
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        note(Answer::Piece);
        let length = self.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // Asked for before the first piece, when all is still in the body.
        if self.rest.is_empty() { self.body.size_hint() } else { SizeHint::default() }
    }
}

fn note(answer: Answer) {
    // Whoever polls it elsewhere watches nobody.
    let _ = ANSWER.try_with(|cell| cell.set(answer));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hyper::body::Body as _;
    use tokio::sync::Semaphore;
    use tokio::time::Instant;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    /// What hyper does: asks for a piece, waits until there is room for it, and asks for the next.
    async fn send(mut pieces: Pieces, room: Arc<Semaphore>) {
        while let Some(frame) =
            std::future::poll_fn(|context| Pin::new(&mut pieces).poll_frame(context)).await
        {
            assert!(frame.unwrap().into_data().unwrap().len() <= PIECE_BYTES);
            room.acquire().await.unwrap().forget();
        }
    }

    /// How long a request lives whose client makes room for a piece every so often, so many times.
    async fn life(body: Body, pause: Duration, times: usize) -> Duration {
        let (started, room) = (Instant::now(), Arc::new(Semaphore::new(0)));
        let reader = tokio::spawn({
            let room = Arc::clone(&room);
            async move {
                for _ in 0..times {
                    tokio::time::sleep(pause).await;
                    room.add_permits(1);
                }
            }
        });
        let request = Box::pin(send(Pieces::of(body), room));
        Watched { request, limit: LIMIT, deadline: None }.await;
        reader.abort();
        started.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_whose_piece_nobody_takes_is_dropped() {
        assert_eq!(life(Body::from("x"), LIMIT * 2, 1).await, LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_that_takes_every_piece_in_time_gets_all_of_them() {
        let pause = LIMIT.mul_f64(0.9);
        let body = vec![0; 9 * PIECE_BYTES + 1];
        assert_eq!(life(Body::from(body), pause, 10).await, pause * 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_has_nothing_to_say_is_waited_for() {
        let event = futures_util::stream::once(async {
            tokio::time::sleep(LIMIT * 10).await;
            Ok::<_, std::convert::Infallible>(Bytes::from_static(b"x"))
        });
        assert_eq!(life(Body::from_stream(event), Duration::ZERO, 1).await, LIMIT * 10);
    }
}
