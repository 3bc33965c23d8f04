//! CIDR networks, for `in_cidr`.
//!
//! Addresses are read as RFC 4291 and the dotted quad say, by the standard library: no zone, no
//! leading zeros. An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`, what a dual-stack socket reports
//! for an IPv4 peer) *is* that IPv4 address, in contexts and in networks alike.

use std::net::IpAddr;

/// A set of networks as sorted, disjoint ranges of addresses: one binary search, however many.
#[derive(Debug, Clone)]
pub(crate) struct Networks {
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
}

impl Networks {
    pub(crate) fn new(networks: impl IntoIterator<Item = Network>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for network in networks {
            match network {
                Network::V4(first, last) => v4.push((first, last)),
                Network::V6(first, last) => v6.push((first, last)),
            }
        }
        Self { v4: disjoint(v4), v6: disjoint(v6) }
    }

    /// Whether `text` is an address in one of the networks.
    pub(crate) fn contain(&self, text: &str) -> bool {
        match text.parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(IpAddr::V4(address)) => in_ranges(&self.v4, address.to_bits()),
            Ok(IpAddr::V6(address)) => in_ranges(&self.v6, address.to_bits()),
            Err(_) => false,
        }
    }
}

/// A network as its first and last address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    V4(u32, u32),
    V6(u128, u128),
}

impl Network {
    /// Reads `address/length`, or an address alone. Bits beyond the length are ignored.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, length) =
            text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Some(bits), |length| prefix_length(length, bits))?;
        Some(match (address, address.to_canonical()) {
            (IpAddr::V4(_), IpAddr::V4(v4)) => Self::v4(v4.to_bits(), length),
            (IpAddr::V6(_), IpAddr::V4(v4)) if length >= 96 => Self::v4(v4.to_bits(), length - 96),
            (IpAddr::V6(v6), _) => Self::v6(v6.to_bits(), length),
            (IpAddr::V4(_), IpAddr::V6(_)) => return None,
        })
    }

    fn v4(address: u32, length: u32) -> Self {
        let host = u32::MAX.checked_shr(length).unwrap_or(0);
        Self::V4(address & !host, address | host)
    }

    fn v6(address: u128, length: u32) -> Self {
        let host = u128::MAX.checked_shr(length).unwrap_or(0);
        Self::V6(address & !host, address | host)
    }
}

/// A decimal without sign or leading zeros, at most `bits`.
fn prefix_length(text: &str, bits: u32) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|length| plain && *length <= bits)
}

fn disjoint<T: Ord + Copy>(mut ranges: Vec<(T, T)>) -> Box<[(T, T)]> {
    ranges.sort_unstable();
    let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut() {
            Some(open) if first <= open.1 => open.1 = open.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    merged.into_boxed_slice()
}

fn in_ranges<T: Ord + Copy>(ranges: &[(T, T)], address: T) -> bool {
    let after = ranges.partition_point(|range| range.0 <= address);
    after > 0 && address <= ranges[after - 1].1
}
