//! Asks again and again over a few connections, each as soon as it has its answer, and notes how long each answer took.
//!
//! One thread over epoll. Of an answer no more is read than its status and how long it is.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream as Blocking};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use hdrhistogram::Histogram;
use memchr::memmem;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::clock::now;
use crate::protocol::{Ask, Asked};

/// Before anything is counted.
const WARM_UP: Duration = Duration::from_secs(1);

/// Distinct requests, so that no answer is the last one again.
const REQUESTS: usize = 1000;

struct Connection {
    socket: TcpStream,
    asked_at: u64,
    received: Vec<u8>,
    /// The length of the answer that is under way, once its head is there.
    expected: Option<usize>,
}

/// Asks for as long as it says.
pub fn run(ask: &Ask) -> Result<Asked> {
    let requests: Vec<Vec<u8>> = (0..REQUESTS).map(|number| request(ask, number)).collect();
    let mut poll = Poll::new()?;
    let mut connections = Vec::with_capacity(ask.connections);
    for number in 0..ask.connections {
        let socket = Blocking::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, ask.port)))?;
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let mut socket = TcpStream::from_std(socket);
        poll.registry().register(&mut socket, Token(number), Interest::READABLE)?;
        connections.push(Connection { socket, asked_at: 0, received: Vec::new(), expected: None });
    }
    let mut next = 0;
    let mut asking = |connection: &mut Connection| -> Result<()> {
        next = (next + 1) % requests.len();
        connection.asked_at = now();
        // Smaller than any socket's buffer, which is empty: the last answer is here.
        Ok(connection.socket.write_all(&requests[next])?)
    };
    for connection in &mut connections {
        asking(connection)?;
    }
    let start = now() + nanoseconds(WARM_UP);
    let end = start + nanoseconds(Duration::from_millis(ask.milliseconds));
    let mut delays = Histogram::<u64>::new(3)?;
    let mut buffer = vec![0; 256 * 1024];
    let mut events = Events::with_capacity(1024);
    loop {
        poll.poll(&mut events, Some(Duration::from_secs(10)))?;
        ensure!(!events.is_empty(), "no answer within ten seconds");
        for event in &events {
            let connection = &mut connections[event.token().0];
            if !connection.read(&mut buffer)? {
                continue;
            }
            let at = now();
            if at >= end {
                return Ok(Asked {
                    per_second: delays.len() * 1000 / ask.milliseconds.max(1),
                    p50: delays.value_at_quantile(0.5),
                    p99: delays.value_at_quantile(0.99),
                    max: delays.max(),
                });
            }
            if at >= start {
                delays.record((at - connection.asked_at).max(1))?;
            }
            asking(connection)?;
        }
    }
}

impl Connection {
    /// Reads what is there; true once the answer is whole.
    fn read(&mut self, buffer: &mut [u8]) -> Result<bool> {
        loop {
            match self.socket.read(buffer) {
                Ok(0) => bail!("the server closed a connection"),
                Ok(length) => self.received.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            }
            if self.expected.is_none()
                && let Some(end) = memmem::find(&self.received, b"\r\n\r\n")
            {
                self.expected = Some(end + 4 + body_length(&self.received[..end])?);
            }
            if self.expected.is_some_and(|expected| self.received.len() >= expected) {
                self.received.clear();
                self.expected = None;
                return Ok(true);
            }
        }
    }
}

fn body_length(head: &[u8]) -> Result<usize> {
    let head = std::str::from_utf8(head)?;
    ensure!(head.starts_with("HTTP/1.1 200 "), "refused: {head}");
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    Ok(length.context("an answer without content-length")?.1.parse()?)
}

fn request(ask: &Ask, number: usize) -> Vec<u8> {
    let body = ask.body.replace("{number}", &format!("{number:06}"));
    format!("{}content-length: {}\r\n\r\n{body}", ask.head, body.len()).into_bytes()
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
