//! The processes beside the driver, each with its own descriptors: generators, and the floor.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command as Program, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::protocol::{Answer, Ask, Asked, Command, Open, Report};

/// This program again, with other arguments.
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(arguments: &[&str]) -> Result<Self> {
        let mut child = Program::new(std::env::current_exe()?)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().context("its output")?);
        Ok(Self { child, input, output })
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("a process of the benchmark ended");
        }
        Ok(line)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let input = self.input.as_mut().context("its input")?;
        input.write_all(bytes)?;
        Ok(input.flush()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It ends when its input does. That it cannot be waited for only happens if somebody else has.
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

/// Thousands of clients.
pub struct Generator(Process);

impl Generator {
    /// Begins to connect them.
    pub fn start(open: Open) -> Result<Self> {
        let mut generator = Self(Process::start(&["generate"])?);
        generator.tell(&Command::Open(open))?;
        Ok(generator)
    }

    /// Waits until all have sent their request.
    pub fn opened(&mut self) -> Result<()> {
        match self.answer()? {
            Answer::Opened => Ok(()),
            other => bail!("{other:?} where Opened was expected"),
        }
    }

    /// From now on the clients note when they hold `revision`.
    pub fn expect(&mut self, revision: i64) -> Result<()> {
        self.tell(&Command::Expect { revision })?;
        match self.answer()? {
            Answer::Expecting => Ok(()),
            other => bail!("{other:?} where Expecting was expected"),
        }
    }

    /// Waits until all hold it. Returns when the last did, and the bytes that brought it.
    pub fn complete(&mut self) -> Result<(u64, String)> {
        match self.answer()? {
            Answer::Complete { at, event } => Ok((at, event)),
            other => bail!("{other:?} where Complete was expected"),
        }
    }

    /// What they hold now was sent off at this time.
    pub fn since(&mut self, at: u64) -> Result<()> {
        self.tell(&Command::Since { at })
    }

    /// What was counted since the last report.
    pub fn report(&mut self) -> Result<Report> {
        self.tell(&Command::Report)?;
        match self.answer()? {
            Answer::Report(report) => Ok(report),
            other => bail!("{other:?} where Report was expected"),
        }
    }

    fn tell(&mut self, command: &Command) -> Result<()> {
        let line = serde_json::to_string(command)? + "\n";
        self.0.send(line.as_bytes())
    }

    fn answer(&mut self) -> Result<Answer> {
        Ok(serde_json::from_str(&self.0.line()?)?)
    }
}

/// Asks in a process of its own, to the end.
pub fn ask(ask: &Ask) -> Result<Asked> {
    let mut process = Process::start(&["ask"])?;
    process.send(serde_json::to_string(ask)?.as_bytes())?;
    // It reads to the end.
    drop(process.input.take());
    Ok(serde_json::from_str(&process.line()?)?)
}

/// The bare loop.
pub struct Floor(Process);

impl Floor {
    /// Starts it for so many connections; returns the port it listens on as well.
    pub fn start(streams: usize) -> Result<(Self, u16)> {
        let mut floor = Self(Process::start(&["floor", &streams.to_string()])?);
        let port = floor.0.line()?.trim().parse()?;
        Ok((floor, port))
    }

    /// Waits until all are connected.
    pub fn connected(&mut self) -> Result<()> {
        self.0.line().map(drop)
    }

    /// Sends bytes to everybody.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let length = u32::try_from(bytes.len())?.to_be_bytes();
        self.0.send(&[&length[..], bytes].concat())
    }
}
