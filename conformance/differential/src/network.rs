//! Addresses and networks, right and nearly right.

use crate::dice::Dice;

const ODD: [&str; 16] = [
    "",
    "10.0.0",
    "10.0.0.01",
    "10.0.0.256",
    "10.0.0.1 ",
    "[::1]",
    "fe80::1%eth0",
    "::ffff:10.0.0.1",
    "::ffff:0a00:0001",
    "1::2::3",
    "1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7::",
    "::1:2:3:4:5:6:7:8",
    "12345::",
    "::10.0.0.1",
    "0:0:0:0:0:ffff:10.0.0.1",
];

pub fn address(dice: &mut Dice<'_>) -> String {
    match dice.below(12) {
        11 => dice.pick(&ODD).to_owned(),
        8..=10 => {
            let group = |dice: &mut Dice<'_>| dice.pick(&["0", "1", "ff", "FF", "a0", "ffff"]);
            let groups = dice.some(1, 3, group).join(":");
            let tail = dice.pick(&["", "1", "2", "10.0.0.1"]);
            format!("2001:{groups}::{tail}")
        }
        _ => {
            let quad = |dice: &mut Dice<'_>| dice.pick(&[0u8, 1, 2, 127, 128, 255]);
            format!("10.{}.{}.{}", dice.pick(&[0u8, 1]), quad(dice), quad(dice))
        }
    }
}

pub fn network(dice: &mut Dice<'_>) -> String {
    let address = address(dice);
    if dice.one_in(32) {
        return address + dice.pick(&["/", "/-1", "/33", "/129", "/08", "/ 8", "/8/8"]);
    }
    let longest = if address.contains(':') { 128 } else { 32 };
    match dice.below(4) {
        0 => address,
        1 => format!("{address}/{}", dice.count(0, longest)),
        _ => format!("{address}/{}", dice.pick(&[longest / 4, longest / 2, longest - 8, longest])),
    }
}
