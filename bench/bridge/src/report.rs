//! Words, tables and aims.

use std::io::{Write as _, stdout};

use anyhow::Result;

/// Prints a line.
pub fn say(text: &str) -> Result<()> {
    let mut output = stdout().lock();
    writeln!(output, "{text}")?;
    Ok(output.flush()?)
}

/// Prints a table. The first column is text, the others are set to the right.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> Result<()> {
    let head: Vec<String> = head.iter().map(ToString::to_string).collect();
    let lines: Vec<&Vec<String>> = std::iter::once(&head).chain(rows).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    for line in &lines {
        let mut text = format!("{:<1$}", line[0], width(0));
        for (column, cell) in line.iter().enumerate().skip(1) {
            text.extend(["  ".to_owned(), format!("{cell:>0$}", width(column))]);
        }
        say(text.trim_end())?;
    }
    say("")
}

/// What Fauna promises, and whether this run kept it.
#[derive(Default)]
pub struct Aims(Vec<Vec<String>>);

impl Aims {
    /// A figure that must not be larger.
    pub fn at_most(&mut self, name: &str, limit: f64, measured: f64, unit: &str) {
        let verdict = if measured <= limit { "met" } else { "NOT MET" };
        self.0.push(vec![
            name.to_owned(),
            format!("<= {limit:.2}{unit}"),
            format!("{measured:.2}{unit}"),
            verdict.into(),
        ]);
    }

    /// A figure that must not be smaller.
    pub fn at_least(&mut self, name: &str, limit: f64, measured: f64, unit: &str) {
        let verdict = if measured >= limit { "met" } else { "NOT MET" };
        self.0.push(vec![
            name.to_owned(),
            format!(">= {limit:.2}{unit}"),
            format!("{measured:.2}{unit}"),
            verdict.into(),
        ]);
    }

    /// Prints all.
    pub fn print(&self) -> Result<()> {
        say("Aims")?;
        say("")?;
        table(&["", "aim", "measured", ""], &self.0)
    }
}
