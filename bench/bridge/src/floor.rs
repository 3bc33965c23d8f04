//! The floor: a bare loop that writes the same bytes to as many sockets.
//!
//! One thread, no protocol, no timers, nothing per connection but the socket and how much of the bytes it still has to get.
//! A socket that is full waits in epoll like everywhere. What comes over standard input, a length and so many bytes, goes to
//! everybody.

use std::io::{ErrorKind, Read as _, Write as _, stdin, stdout};
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Result, bail};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};

/// Serves `streams` connections until standard input ends. Prints its port first, and a line when all are there.
pub fn run(streams: usize) -> Result<()> {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    listener.listen(4096)?;
    let port = listener.local_addr()?.as_socket().context("an address")?.port();
    writeln!(stdout(), "{port}")?;

    let mut poll = Poll::new()?;
    let mut sockets = Vec::with_capacity(streams);
    while sockets.len() < streams {
        let (socket, _) = listener.accept()?;
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let mut socket = TcpStream::from_std(socket.into());
        poll.registry().register(&mut socket, Token(sockets.len()), Interest::WRITABLE)?;
        sockets.push(socket);
    }
    writeln!(stdout(), "all")?;

    let mut input = stdin().lock();
    let mut length = [0; 4];
    let mut bytes = Vec::new();
    while input.read_exact(&mut length).is_ok() {
        bytes.resize(usize::try_from(u32::from_be_bytes(length))?, 0);
        input.read_exact(&mut bytes)?;
        send(&bytes, &mut sockets, &mut poll)?;
    }
    Ok(())
}

fn send(bytes: &[u8], sockets: &mut [TcpStream], poll: &mut Poll) -> Result<()> {
    let mut sent = vec![0; sockets.len()];
    let mut unfinished = 0;
    for (socket, sent) in sockets.iter_mut().zip(&mut sent) {
        unfinished += usize::from(!write(socket, bytes, sent)?);
    }
    let mut events = Events::with_capacity(1024);
    while unfinished > 0 {
        poll.poll(&mut events, None)?;
        for event in &events {
            let Token(index) = event.token();
            if sent[index] < bytes.len() {
                unfinished -= usize::from(write(&mut sockets[index], bytes, &mut sent[index])?);
            }
        }
    }
    Ok(())
}

/// Writes what the socket takes; true once everything is written.
fn write(socket: &mut TcpStream, bytes: &[u8], sent: &mut usize) -> Result<bool> {
    while *sent < bytes.len() {
        match socket.write(&bytes[*sent..]) {
            Ok(0) => bail!("a receiver went"),
            Ok(written) => *sent += written,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}
