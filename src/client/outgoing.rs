//! What we say: each line as bytes, ended by LF.

use memchr::memchr2_iter;
use serde::Serialize;

use super::error::Error;
use crate::limits::DEPTH_MAX;
use crate::protocol::is_too_deep;

/// Asks whether the server is there, and has read all that was said.
pub(super) const PING: &[u8] = b"{\"cmd\":\"ping\"}\n";

/// Submits a job.
pub(super) fn submit<A: Serialize + ?Sized>(
    id: u64,
    type_name: &str,
    arg: Option<&A>,
    line_max: usize,
) -> Result<Vec<u8>, Error> {
    let mut line = format!("{{\"cmd\":\"do\",\"id\":{id},\"type\":{}", string(type_name)).into_bytes();
    if let Some(arg) = arg {
        put(&mut line, "arg", arg)?;
    }
    end(line, line_max)
}

/// Answers a job: `member` is `res` or `err`.
pub(super) fn answer<V: Serialize + ?Sized>(
    job: u64,
    member: &str,
    value: &V,
    line_max: usize,
) -> Result<Vec<u8>, Error> {
    let mut line = format!("{{\"cmd\":\"did\",\"job\":{job}").into_bytes();
    put(&mut line, member, value)?;
    end(line, line_max)
}

/// Offers to do jobs, up to so many at once. `types` is a list in JSON.
pub(super) fn can_do(types: &str, max_jobs: u32) -> String {
    format!("{{\"cmd\":\"can_do\",\"types\":{types},\"max_jobs\":{max_jobs}}}\n")
}

/// Takes the offer back.
pub(super) fn cant_do(types: &str) -> String {
    format!("{{\"cmd\":\"cant_do\",\"types\":{types}}}\n")
}

/// Asks for the metrics; `types` is what that member is to be, in JSON.
pub(super) fn metrics(types: &str, line_max: usize) -> Result<Vec<u8>, Error> {
    end(format!("{{\"cmd\":\"metrics\",\"types\":{types}").into_bytes(), line_max)
}

/// A list of names in JSON.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(string).collect();
    format!("[{}]", names.join(","))
}

fn string(text: &str) -> String {
    serde_json::to_string(text).expect("a string can be written as JSON")
}

/// Appends a member whose value is carried. A raw value may hold line ends between its tokens, and only there: as
/// spaces they mean the same, and the line stays one.
fn put<V: Serialize + ?Sized>(line: &mut Vec<u8>, member: &str, value: &V) -> Result<(), Error> {
    line.extend_from_slice(format!(",\"{member}\":").as_bytes());
    let start = line.len();
    serde_json::to_writer(&mut *line, value).map_err(|error| Error::Arg(error.to_string()))?;
    let ends: Vec<usize> = memchr2_iter(b'\n', b'\r', &line[start..]).collect();
    for at in ends {
        line[start + at] = b' ';
    }
    // The line's own object is the first level.
    if is_too_deep(&line[start..], DEPTH_MAX - 1) {
        return Err(Error::BadJson(format!("more than {} objects and arrays open at once in a value", DEPTH_MAX - 1)));
    }
    Ok(())
}

fn end(mut line: Vec<u8>, line_max: usize) -> Result<Vec<u8>, Error> {
    line.push(b'}');
    if line.len() > line_max {
        return Err(Error::TooLong(format!("the line would have {} bytes, and may have {line_max}", line.len())));
    }
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::value::RawValue;

    use super::*;

    const MAX: usize = 1 << 20;

    fn text(line: Result<Vec<u8>, Error>) -> String {
        String::from_utf8(line.unwrap()).unwrap()
    }

    #[test]
    fn lines_are_as_the_protocol_says() {
        let raw = RawValue::from_string("{ \"a\" : 1e400 }".to_owned()).unwrap();
        assert_eq!(
            text(submit(7, "t\"", Some(&[1, 2]), MAX)),
            "{\"cmd\":\"do\",\"id\":7,\"type\":\"t\\\"\",\"arg\":[1,2]}\n"
        );
        assert_eq!(text(submit::<()>(7, "t", None, MAX)), "{\"cmd\":\"do\",\"id\":7,\"type\":\"t\"}\n");
        assert_eq!(
            text(submit(7, "t", Some(&*raw), MAX)),
            "{\"cmd\":\"do\",\"id\":7,\"type\":\"t\",\"arg\":{ \"a\" : 1e400 }}\n"
        );
        assert_eq!(text(answer(3, "res", "x", MAX)), "{\"cmd\":\"did\",\"job\":3,\"res\":\"x\"}\n");
        assert_eq!(text(answer(3, "err", &(), MAX)), "{\"cmd\":\"did\",\"job\":3,\"err\":null}\n");
        assert_eq!(can_do(&list(["a", "é\n"]), 2), "{\"cmd\":\"can_do\",\"types\":[\"a\",\"é\\n\"],\"max_jobs\":2}\n");
        assert_eq!(cant_do(&list(["a"])), "{\"cmd\":\"cant_do\",\"types\":[\"a\"]}\n");
        assert_eq!(text(metrics("true", MAX)), "{\"cmd\":\"metrics\",\"types\":true}\n");
    }

    #[test]
    fn line_ends_in_a_raw_value_become_spaces_and_nothing_else_changes() {
        let raw = RawValue::from_string("[\r\n  1,\n\t\"\\n\"\n]".to_owned()).unwrap();
        let line = text(submit(1, "t", Some(&*raw), MAX));
        assert!(line.ends_with("\"arg\":[    1, \t\"\\n\" ]}\n"), "{line:?}");
    }

    #[test]
    fn what_no_server_would_take_is_not_said() {
        let nested = |levels: usize| RawValue::from_string("[".repeat(levels) + &"]".repeat(levels)).unwrap();
        assert!(submit(1, "t", Some(&nested(127)), MAX).is_ok());
        assert!(matches!(submit(1, "t", Some(&nested(128)), MAX), Err(Error::BadJson(_))));
        assert!(matches!(submit(1, "t", Some(&nested(10_000)), MAX), Err(Error::BadJson(_))));
        let line = submit::<()>(1, "t", None, MAX).unwrap();
        assert!(submit::<()>(1, "t", None, line.len() - 1).is_ok());
        assert!(matches!(submit::<()>(1, "t", None, line.len() - 2), Err(Error::TooLong(_))));
        assert!(matches!(submit(1, "t", Some(&BTreeMap::from([([1], 1)])), MAX), Err(Error::Arg(_))));
    }
}
