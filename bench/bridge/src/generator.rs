//! Thousands of clients in one thread: keeps streams open, and notes when each holds what is expected.
//!
//! A client that loses its stream comes back by itself, as an SDK does, but sooner: after half a second to a second.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{BufRead as _, BufReader, Write as _, stdin, stdout};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use mio::{Events, Poll, Token, Waker};

use crate::clock::now;
use crate::connection::{Connection, Findings, Outcome};
use crate::protocol::{Answer, Command, Open, Report};

/// At the beginning so many connect at a time; a herd has no such manners.
const AT_A_TIME: usize = 200;
const WAKE: Token = Token(usize::MAX);

struct Generator {
    poll: Poll,
    open: Open,
    connections: Vec<Connection>,
    /// Streams that wait for their next attempt, by its time.
    waiting: BinaryHeap<Reverse<(u64, usize)>>,
    asked: usize,
    next: usize,
    buffer: Vec<u8>,
    findings: Findings,
    expected: i64,
    /// When each stream came to hold what is expected.
    arrivals: Vec<u64>,
    delays: Histogram<u64>,
    ended: u64,
    refused: u64,
}

/// Does what standard input says until it ends.
pub fn run() -> Result<()> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    // This end keeps the waker: one that is dropped takes its last call with it.
    let commands = listen(Arc::clone(&waker));
    let Command::Open(open) = commands.recv()? else { anyhow::bail!("the first command is not Open") };
    let connections = (0..open.streams).map(Connection::new).collect();
    let mut generator = Generator {
        poll,
        open,
        connections,
        waiting: BinaryHeap::new(),
        asked: 0,
        next: 0,
        buffer: vec![0; 64 * 1024],
        findings: Findings::default(),
        expected: i64::MAX,
        arrivals: Vec::new(),
        delays: Histogram::new(3)?,
        ended: 0,
        refused: 0,
    };
    for _ in 0..AT_A_TIME {
        generator.connect_next();
    }
    generator.serve(&commands)
}

/// Reads commands in a thread of its own, which wakes the one that waits for sockets.
fn listen(waker: Arc<Waker>) -> Receiver<Command> {
    let (sender, commands) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdin()).lines() {
            let Ok(line) = line else { break };
            let Ok(command) = serde_json::from_str(&line) else { break };
            if sender.send(command).is_err() {
                return;
            }
            // A poll that is gone needs no waking.
            let _ = waker.wake();
        }
        drop(sender);
        let _ = waker.wake();
    });
    commands
}

fn say(answer: &Answer) -> Result<()> {
    let mut output = stdout().lock();
    writeln!(output, "{}", serde_json::to_string(answer)?)?;
    output.flush().context("the driver is gone")
}

impl Generator {
    fn serve(&mut self, commands: &Receiver<Command>) -> Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            self.poll.poll(&mut events, self.until_next_attempt())?;
            for event in &events {
                match event.token() {
                    WAKE => loop {
                        use std::sync::mpsc::TryRecvError;
                        match commands.try_recv() {
                            Ok(command) => self.obey(&command)?,
                            Err(TryRecvError::Empty) => break,
                            Err(TryRecvError::Disconnected) => return Ok(()),
                        }
                    },
                    Token(number) => self.attend(number, event.is_read_closed())?,
                }
            }
            self.reconnect();
        }
    }

    fn obey(&mut self, command: &Command) -> Result<()> {
        match *command {
            Command::Open(_) => anyhow::bail!("opened twice"),
            Command::Expect { revision } => {
                self.expected = revision;
                self.arrivals.clear();
                let at = now();
                let there = self.connections.iter().filter(|held| held.revision >= Some(revision)).count();
                self.arrivals.resize(there, at);
                say(&Answer::Expecting)?;
                self.is_it_complete()
            }
            Command::Since { at } => {
                for arrival in self.arrivals.drain(..) {
                    self.delays.record(arrival.saturating_sub(at).max(1))?;
                }
                Ok(())
            }
            Command::Report => {
                let report = Report {
                    delays: self.delays.len(),
                    p50: self.delays.value_at_quantile(0.5),
                    p99: self.delays.value_at_quantile(0.99),
                    max: self.delays.max(),
                    ended: std::mem::take(&mut self.ended),
                    refused: std::mem::take(&mut self.refused),
                    gaps: std::mem::take(&mut self.findings.gaps),
                };
                self.delays.reset();
                say(&Answer::Report(report))
            }
        }
    }

    fn is_it_complete(&mut self) -> Result<()> {
        if self.arrivals.len() < self.connections.len() {
            return Ok(());
        }
        self.expected = i64::MAX;
        let event = String::from_utf8_lossy(&self.findings.event).into_owned();
        say(&Answer::Complete { at: self.arrivals.iter().copied().max().unwrap_or_default(), event })
    }

    /// Something happened on a socket.
    fn attend(&mut self, number: usize, to_end: bool) -> Result<()> {
        let connection = &mut self.connections[number];
        match connection.ask(&self.open, &self.findings.epoch) {
            Ok(false) => {}
            Ok(true) => {
                self.asked += 1;
                if self.asked == self.connections.len() {
                    say(&Answer::Opened)?;
                }
                self.connect_next();
            }
            Err(_) => {
                self.refused += 1;
                self.later(number);
                return Ok(());
            }
        }
        let connection = &mut self.connections[number];
        let held = connection.revision;
        let outcome = connection.read(&mut self.buffer, &mut self.findings, to_end);
        if held < Some(self.expected) && connection.revision >= Some(self.expected) {
            self.arrivals.push(now());
            self.is_it_complete()?;
        }
        match outcome {
            Outcome::Drained => {}
            Outcome::Ended => {
                self.ended += 1;
                self.later(number);
            }
            Outcome::Refused => {
                self.refused += 1;
                self.later(number);
            }
        }
        Ok(())
    }

    fn connect_next(&mut self) {
        if self.next < self.connections.len() {
            self.next += 1;
            self.connect(self.next - 1);
        }
    }

    fn connect(&mut self, number: usize) {
        if self.connections[number].connect(self.open.port, self.poll.registry()).is_err() {
            self.refused += 1;
            self.later(number);
        }
    }

    /// Closes a stream and opens it again after a while.
    fn later(&mut self, number: usize) {
        self.connections[number].close();
        let wait = Duration::from_millis(fastrand::u64(500..1000));
        self.waiting.push(Reverse((now() + u64::try_from(wait.as_nanos()).unwrap_or_default(), number)));
    }

    fn until_next_attempt(&self) -> Option<Duration> {
        let Reverse((at, _)) = self.waiting.peek()?;
        // Rounded up: a timeout of part of a millisecond would be none.
        Some(Duration::from_nanos(at.saturating_sub(now())) + Duration::from_millis(1))
    }

    fn reconnect(&mut self) {
        while let Some(&Reverse((at, number))) = self.waiting.peek() {
            if at > now() {
                break;
            }
            self.waiting.pop();
            self.connect(number);
        }
    }
}
