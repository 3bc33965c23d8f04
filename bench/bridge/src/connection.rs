//! One stream of the generator: its socket, and what its client holds.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};

use memchr::memmem;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustix::io::Errno;
use socket2::{Domain, Socket, Type};

use crate::events;
use crate::protocol::Open;

/// As many loopback addresses take turns as the client's side, since one has too few ports for a large run.
const ADDRESSES: usize = 8;

/// What reading a socket came to.
pub enum Outcome {
    /// It is empty for now.
    Drained,
    /// The stream ended.
    Ended,
    /// The answer was not 200.
    Refused,
}

/// How far the conversation is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Connecting,
    Asked,
    Streaming,
}

/// One stream.
pub struct Connection {
    number: usize,
    socket: Option<TcpStream>,
    phase: Phase,
    /// What arrived of an event that has not ended.
    rest: Vec<u8>,
    /// The revision held; survives the connection.
    pub revision: Option<i64>,
}

/// What the streams found out together.
#[derive(Default)]
pub struct Findings {
    /// The id of the newest event: what a client that reconnects sends, if it holds that revision.
    pub epoch: String,
    /// The bytes of the newest event on the first stream.
    pub event: Vec<u8>,
    /// Events that did not build on what was held.
    pub gaps: u64,
}

impl Connection {
    /// A stream that is not connected.
    pub fn new(number: usize) -> Self {
        Self { number, socket: None, phase: Phase::Connecting, rest: Vec::new(), revision: None }
    }

    /// Begins to connect.
    pub fn connect(&mut self, port: u16, registry: &Registry) -> io::Result<()> {
        let last = u8::try_from(self.number % ADDRESSES).unwrap_or_default() + 1;
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)).into())?;
        match socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()) {
            Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => {
                return Err(error);
            }
            _ => {}
        }
        let mut socket = TcpStream::from_std(socket.into());
        registry.register(&mut socket, Token(self.number), Interest::READABLE | Interest::WRITABLE)?;
        self.socket = Some(socket);
        self.phase = Phase::Connecting;
        self.rest.clear();
        Ok(())
    }

    /// Closes the socket; what the client holds stays.
    pub fn close(&mut self) {
        self.socket = None;
    }

    /// Sends the request if the socket has just connected; true if it did.
    pub fn ask(&mut self, open: &Open, epoch: &str) -> io::Result<bool> {
        if self.phase != Phase::Connecting {
            return Ok(false);
        }
        let Some(socket) = &mut self.socket else { return Ok(false) };
        if let Some(error) = socket.take_error()? {
            return Err(error);
        }
        match socket.peer_addr() {
            Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(false),
            result => drop(result?),
        }
        let number = format!("{:06}", self.number);
        let mut request = open.head.replace("{stream}", &number);
        if let Some(revision) = self.revision {
            request.extend(["last-event-id: ", epoch, ":", &revision.to_string(), "\r\n"]);
        }
        request += "\r\n";
        request += &open.body.replace("{stream}", &number);
        // A fresh socket takes a request of this size whole.
        socket.write_all(request.as_bytes())?;
        self.phase = Phase::Asked;
        Ok(true)
    }

    /// Reads what is there; `to_end` if the other side is known to have closed.
    pub fn read(&mut self, buffer: &mut [u8], findings: &mut Findings, to_end: bool) -> Outcome {
        loop {
            let Some(socket) = &mut self.socket else { return Outcome::Drained };
            let length = match socket.read(buffer) {
                Ok(0) => return Outcome::Ended,
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Outcome::Drained,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => return Outcome::Ended,
            };
            if !self.take(&buffer[..length], findings) {
                return Outcome::Refused;
            }
            // Less than asked for: it is empty, and epoll speaks up when that changes.
            if length < buffer.len() && !to_end {
                return Outcome::Drained;
            }
        }
    }

    /// Takes bytes; false if they say that there will be no stream.
    fn take(&mut self, bytes: &[u8], findings: &mut Findings) -> bool {
        // Nearly always an event arrives whole and nothing is copied.
        let mut joined = std::mem::take(&mut self.rest);
        let mut bytes = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            &joined
        };
        if self.phase != Phase::Streaming {
            let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
                self.rest = bytes.to_vec();
                return true;
            };
            if !bytes.starts_with(b"HTTP/1.1 200 ") {
                return false;
            }
            self.phase = Phase::Streaming;
            bytes = &bytes[end + 4..];
        }
        let end = events::end_of_last(bytes).unwrap_or(0);
        events::for_each(&bytes[..end], |event, block| {
            if event.from.is_some() && self.revision.is_some() && event.from != self.revision {
                findings.gaps += 1;
            }
            self.revision = Some(event.revision);
            if self.number == 0 {
                findings.event.clear();
                findings.event.extend_from_slice(block.strip_prefix(b"\r\n").unwrap_or(block));
                findings.event.extend_from_slice(b"\n\n\r\n");
                event.id.rsplit_once(':').unwrap_or_default().0.clone_into(&mut findings.epoch);
            }
        });
        // The end of a chunk is no beginning of an event.
        let rest = &bytes[end..];
        if rest != b"\r\n" {
            self.rest = rest.to_vec();
        }
        true
    }
}
