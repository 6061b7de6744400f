//! What options take, read and checked. Errors are lines for people.

use std::net::ToSocketAddrs;
use std::str::FromStr;
use std::time::Duration;

use lexopt::prelude::ValueExt;

use super::conn::Address;
use super::server::Kind;
use super::workload::{ARG_BYTES_MIN, Beside, Work};

/// A whole number from 1.
pub(crate) fn positive<N: FromStr + Default + PartialEq>(
    option: &str,
    parser: &mut lexopt::Parser,
) -> Result<N, lexopt::Error>
where
    N::Err: Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
{
    let number: N = parser.value()?.parse()?;
    if number == N::default() { Err(format!("--{option} must be at least 1").into()) } else { Ok(number) }
}

pub(crate) fn arg_bytes(parser: &mut lexopt::Parser) -> Result<(usize, usize), lexopt::Error> {
    let text = parser.value()?.string()?;
    let (least, most) = text.split_once('-').unwrap_or((&text, &text));
    match (least.parse(), most.parse()) {
        (Ok(least), Ok(most)) if ARG_BYTES_MIN <= least && least <= most && most <= 1 << 30 => Ok((least, most)),
        _ => Err(format!(
            "--arg-bytes takes N or MIN-MAX, from {ARG_BYTES_MIN} (an argument names its job) to 1 GiB, not {text}"
        )
        .into()),
    }
}

/// What strangers do: a word, and how much of it behind a colon.
pub(crate) fn beside(parser: &mut lexopt::Parser) -> Result<Beside, lexopt::Error> {
    let text = parser.value()?.string()?;
    let (kind, much) = text.split_once(':').map_or((&text[..], None), |(kind, much)| (kind, Some(much)));
    let much = |usual: u32| much.map_or(Some(usual), |much| much.parse().ok().filter(|&much| much > 0));
    let beside = match kind {
        "stalled" => much(100).and_then(|much| Some(Beside::Stalled(much.try_into().ok()?))),
        "burst" => much(1_000_000).map(|much| Beside::Burst(much.into())),
        "metrics" => much(200).and_then(|much| Some(Beside::Questions(much.try_into().ok()?))),
        "poison" => much(50).map(|much| Beside::Poison(much.into())),
        _ => None,
    };
    beside.ok_or_else(|| format!("--beside takes stalled, burst, metrics or poison, or one with :N, not {text}").into())
}

pub(crate) fn work(parser: &mut lexopt::Parser) -> Result<Work, lexopt::Error> {
    let text = parser.value()?.string()?;
    let (exponential, number) = text.strip_prefix("exp:").map_or((false, &text[..]), |number| (true, number));
    match number.parse::<u32>() {
        Ok(0) => Ok(Work::None),
        Ok(us) if exponential => Ok(Work::Exponential(Duration::from_micros(us.into()))),
        Ok(us) => Ok(Work::Fixed(Duration::from_micros(us.into()))),
        Err(_) => Err(format!("--work-us takes N or exp:N, in microseconds, not {text}").into()),
    }
}

pub(crate) fn thread_counts(parser: &mut lexopt::Parser) -> Result<Vec<usize>, lexopt::Error> {
    let list = parser.value()?.string()?;
    let counts: Option<Vec<usize>> =
        list.split(',').map(|count| count.parse().ok().filter(|count| *count > 0)).collect();
    counts.ok_or_else(|| format!("--threads takes numbers from 1 with commas between, not {list}").into())
}

pub(crate) fn server(parser: &mut lexopt::Parser) -> Result<Kind, lexopt::Error> {
    match parser.value()?.string()?.as_str() {
        "deputy" => Ok(Kind::Deputy),
        "floor" => Ok(Kind::Floor),
        other => Err(format!("--server is deputy or floor, not {other}").into()),
    }
}

pub(crate) fn address(parser: &mut lexopt::Parser) -> Result<Address, lexopt::Error> {
    let text = parser.value()?.string()?;
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(Address::Unix(path.into()));
    }
    let mut addresses =
        text.to_socket_addrs().map_err(|error| format!("--addr takes host:port or unix:PATH, not {text}: {error}"))?;
    addresses.next().map(Address::Tcp).ok_or_else(|| format!("--addr: {text} has no address").into())
}

pub(crate) fn seconds(option: &str, given: f64, least: f64) -> Result<Duration, lexopt::Error> {
    if (least..=86_400.0).contains(&given) {
        Ok(Duration::from_secs_f64(given))
    } else {
        Err(format!("--{option} takes {least} to 86400 seconds, not {given}").into())
    }
}
