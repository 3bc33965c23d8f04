//! Prints rounds as lines of JSON: `fauna-differential <first seed> <evaluations>`, as many rounds as make that many
//! evaluations of flags.

use std::io::{self, BufWriter, Write as _};
use std::process::ExitCode;

use fauna_differential::{Dice, Round};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to tell if telling fails.
            let _ = writeln!(io::stderr(), "fauna-differential: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<u64> = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<_, _>>()?;
    let [first, wanted] = arguments[..] else {
        return Err("usage: fauna-differential <first seed> <evaluations>".into());
    };
    let mut lines = BufWriter::new(io::stdout().lock());
    let mut made = 0;
    for seed in first.. {
        if made >= wanted {
            break;
        }
        let round = Round::new(&mut Dice::seeded(seed));
        made += round.evaluations() as u64;
        writeln!(lines, "{}", round.line(seed)?)?;
    }
    lines.flush()?;
    Ok(())
}
