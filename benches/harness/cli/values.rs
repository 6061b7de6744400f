//! Reads and checks the values of options. An error is one line of text for a person.

use std::net::ToSocketAddrs;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use lexopt::prelude::ValueExt;

use crate::harness::net::conn::Address;
use crate::harness::servers::ServerKind;
use crate::harness::traffic::asks::Ask;
use crate::harness::traffic::workload::{Bytes, Interference, PAYLOAD_BYTES_MIN, Work};

/// A whole number from 1.
pub(super) fn positive<N: FromStr + Default + PartialEq>(
    option: &str,
    parser: &mut lexopt::Parser,
) -> Result<N, lexopt::Error>
where
    N::Err: Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
{
    let number: N = parser.value()?.parse()?;
    if number == N::default() { Err(format!("--{option} must be at least 1").into()) } else { Ok(number) }
}

/// The number of a process that is there.
pub(super) fn process(option: &str, parser: &mut lexopt::Parser) -> Result<u32, lexopt::Error> {
    let number: u32 = positive(option, parser)?;
    // Where the system shows no processes, their figures are left out.
    let is_there = !Path::new("/proc/self").exists() || Path::new("/proc").join(number.to_string()).exists();
    if is_there { Ok(number) } else { Err(format!("--{option} {number}: there is no such process").into()) }
}

/// The size of a payload: a number, or a range of numbers.
pub(super) fn payload_bytes(option: &str, parser: &mut lexopt::Parser) -> Result<Bytes, lexopt::Error> {
    let text = parser.value()?.string()?;
    let (least, most) = text.split_once('-').unwrap_or((&text, &text));
    match (least.parse(), most.parse()) {
        (Ok(least), Ok(most)) if PAYLOAD_BYTES_MIN <= least && least <= most && most <= 1 << 30 => Ok((least, most)),
        _ => Err(format!(
            "--{option} takes N or MIN-MAX bytes, from {PAYLOAD_BYTES_MIN} (a payload names its job) to 1 GiB, not '{text}'"
        )
        .into()),
    }
}

/// What other clients do: a word, and how much of it after a colon.
pub(super) fn interference(parser: &mut lexopt::Parser) -> Result<Interference, lexopt::Error> {
    let text = parser.value()?.string()?;
    let (kind, amount) = text.split_once(':').map_or((&text[..], None), |(kind, amount)| (kind, Some(amount)));
    let amount = |default: u32| amount.map_or(Some(default), |text| text.parse().ok().filter(|&amount| amount > 0));
    let interference = match kind {
        "stalled-readers" => amount(100).and_then(|count| Some(Interference::StalledReaders(count.try_into().ok()?))),
        "burst" => amount(1_000_000).map(|jobs| Interference::Burst(jobs.into())),
        "metrics" => amount(200).and_then(|queries| Some(Interference::MetricsQueries(queries.try_into().ok()?))),
        "poison" => amount(50).map(|rate| Interference::Poison(rate.into())),
        _ => None,
    };
    let expected = "stalled-readers, burst, metrics or poison, or one of them with :N";
    interference.ok_or_else(|| format!("--interference takes {expected}, not '{text}'").into())
}

/// What the jobs ask for: a word.
pub(super) fn ask(parser: &mut lexopt::Parser) -> Result<Ask, lexopt::Error> {
    let text = parser.value()?.string()?;
    let found = Ask::NAMES.into_iter().find_map(|(name, ask)| (name == text).then_some(ask));
    let known = || Ask::NAMES.map(|(name, _)| name).join(", ");
    found.ok_or_else(|| format!("--ask takes one of {}, not '{text}'", known()).into())
}

/// Jobs per second.
pub(super) fn rate(parser: &mut lexopt::Parser) -> Result<f64, lexopt::Error> {
    let rate = parser.value()?.parse()?;
    if (0.1..=1e8).contains(&rate) {
        Ok(rate)
    } else {
        Err(format!("--rate takes jobs per second, from 0.1 to 100000000, not {rate}").into())
    }
}

/// How long a job takes a worker.
pub(super) fn work(parser: &mut lexopt::Parser) -> Result<Work, lexopt::Error> {
    let text = parser.value()?.string()?;
    let (exponential, number) = text.strip_prefix("exp:").map_or((false, &text[..]), |number| (true, number));
    match number.parse::<u32>() {
        Ok(0) => Ok(Work::None),
        Ok(us) if exponential => Ok(Work::Exponential(Duration::from_micros(us.into()))),
        Ok(us) => Ok(Work::Fixed(Duration::from_micros(us.into()))),
        Err(_) => Err(format!("--work-us takes N or exp:N, in microseconds, not '{text}'").into()),
    }
}

/// Numbers of threads.
pub(super) fn thread_counts(parser: &mut lexopt::Parser) -> Result<Vec<usize>, lexopt::Error> {
    let list = parser.value()?.string()?;
    let counts: Option<Vec<usize>> =
        list.split(',').map(|count| count.parse().ok().filter(|count| *count > 0)).collect();
    counts.ok_or_else(|| format!("--threads takes numbers from 1 separated by commas, not '{list}'").into())
}

/// A server that the load test can start.
pub(super) fn server(parser: &mut lexopt::Parser) -> Result<ServerKind, lexopt::Error> {
    match parser.value()?.string()?.as_str() {
        "deputy" => Ok(ServerKind::Deputy),
        "floor" => Ok(ServerKind::Floor),
        other => Err(format!("--server takes deputy or floor, not '{other}'").into()),
    }
}

/// Where a server listens.
pub(super) fn address(parser: &mut lexopt::Parser) -> Result<Address, lexopt::Error> {
    let text = parser.value()?.string()?;
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(Address::Unix(path.into()));
    }
    let mut addresses = text
        .to_socket_addrs()
        .map_err(|error| format!("--addr takes host:port or unix:PATH, not '{text}': {error}"))?;
    addresses.next().map(Address::Tcp).ok_or_else(|| format!("--addr: '{text}' has no address").into())
}

/// A time in seconds, at least `least`.
pub(super) fn seconds(option: &str, given: f64, least: f64) -> Result<Duration, lexopt::Error> {
    if (least..=86_400.0).contains(&given) {
        Ok(Duration::from_secs_f64(given))
    } else {
        Err(format!("--{option} takes {least} to 86400 seconds, not {given}").into())
    }
}
