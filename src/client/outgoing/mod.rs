//! Encodes lines to the server: each as bytes that end with LF.

mod finite;
pub(super) mod line_limit;

use memchr::memchr2_iter;
use memchr::memmem;
use serde::Serialize;

use super::error::Error;
use crate::limits::DEPTH_MAX;
use crate::protocol::is_too_deep;

/// Asks for a `pong`, which shows that the server has read all earlier lines.
pub(super) const PING: &[u8] = b"{\"cmd\":\"ping\"}\n";

/// Asks for the totals. The answer has the server's longest line.
pub(super) const TOTALS: &[u8] = b"{\"cmd\":\"metrics\",\"types\":false}\n";

/// The maximum nesting of the value of a member: the line's own object is the first level.
const VALUE_DEPTH_MAX: usize = DEPTH_MAX - 1;

/// Room for most lines of jobs, so that they are allocated once.
const SHORT_LINE_BYTES: usize = 128;

/// Submits a job. `members` are more members in JSON, with a comma before each.
pub(super) fn submit<A: Serialize + ?Sized>(
    id: u64,
    type_name: &str,
    members: &str,
    arg: Option<&A>,
    line_max: usize,
) -> Result<Vec<u8>, Error> {
    // Without `format!`, which takes much longer.
    let mut line = Vec::with_capacity(SHORT_LINE_BYTES);
    line.extend_from_slice(br#"{"cmd":"do","id":"#);
    line.extend_from_slice(itoa::Buffer::new().format(id).as_bytes());
    line.extend_from_slice(br#","type":"#);
    line.extend_from_slice(string(type_name).as_bytes());
    line.extend_from_slice(members.as_bytes());
    if let Some(arg) = arg {
        put(&mut line, "arg", arg)?;
    }
    end(line, line_max)
}

/// Cancels a job.
pub(super) fn cancel(id: u64) -> String {
    format!("{{\"cmd\":\"cancel\",\"id\":{id}}}\n")
}

/// Reports progress of a job, with data for its submitter if there is any. The line may be longer than the limit.
pub(super) fn progress<V: Serialize + ?Sized>(job: u64, data: Option<&V>) -> Result<Vec<u8>, Error> {
    let mut line = format!("{{\"cmd\":\"progress\",\"job\":{job}").into_bytes();
    if let Some(data) = data {
        put(&mut line, "data", data)?;
    }
    end(line, usize::MAX)
}

/// Answers a job. `member` is `res` or `err`.
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

/// Fails a job for a reason of this library. If the reason does not fit, a short one replaces it.
pub(super) fn failure(job: u64, reason: &str, line_max: usize) -> Vec<u8> {
    answer(job, "err", reason, line_max)
        .unwrap_or_else(|_| format!("{{\"cmd\":\"did\",\"job\":{job},\"err\":\"too long\"}}\n").into_bytes())
}

/// Offers to do jobs, at most `max_jobs` at once. `types` is a list in JSON; `members` are more members, each after a comma.
pub(super) fn can_do(types: &str, max_jobs: u32, members: &str) -> String {
    format!("{{\"cmd\":\"can_do\",\"types\":{types},\"max_jobs\":{max_jobs}{members}}}\n")
}

/// Withdraws types.
pub(super) fn cant_do(types: &str) -> String {
    format!("{{\"cmd\":\"cant_do\",\"types\":{types}}}\n")
}

/// Asks for the metrics. `types` is the value of that member, in JSON; `tables` are further members, each after a comma.
pub(super) fn metrics(types: &str, tables: &str, line_max: usize) -> Result<Vec<u8>, Error> {
    end(format!("{{\"cmd\":\"metrics\",\"types\":{types}{tables}").into_bytes(), line_max)
}

/// Returns a list of names in JSON.
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(string).collect();
    format!("[{}]", names.join(","))
}

/// Returns a string in JSON.
pub(super) fn string(text: &str) -> String {
    serde_json::to_string(text).expect("a string can be written as JSON")
}

/// Appends a member whose value the server carries. A raw value may have line ends between its tokens, and nowhere else:
/// they become spaces, which mean the same.
fn put<V: Serialize + ?Sized>(line: &mut Vec<u8>, member: &str, value: &V) -> Result<(), Error> {
    for part in [",\"", member, "\":"] {
        line.extend_from_slice(part.as_bytes());
    }
    let start = line.len();
    write(line, value).map_err(|error| Error::Arg(error.to_string()))?;
    let ends: Vec<usize> = memchr2_iter(b'\n', b'\r', &line[start..]).collect();
    for at in ends {
        line[start + at] = b' ';
    }
    if is_too_deep(&line[start..], VALUE_DEPTH_MAX) {
        return Err(Error::BadJson(format!(
            "a value may nest {VALUE_DEPTH_MAX} objects and arrays, and this one nests more"
        )));
    }
    Ok(())
}

/// Appends a value in JSON.
pub(super) fn write<V: Serialize + ?Sized>(out: &mut Vec<u8>, value: &V) -> Result<(), serde_json::Error> {
    let start = out.len();
    serde_json::to_writer(&mut *out, value)?;
    // NaN and the infinities were written as `null`.
    if memmem::find(&out[start..], b"null").is_some() {
        finite::check(value)?;
    }
    Ok(())
}

/// Ends a line. `Err` if it is longer than `line_max`, its end not counted.
fn end(mut line: Vec<u8>, line_max: usize) -> Result<Vec<u8>, Error> {
    line.push(b'}');
    if line.len() > line_max {
        return Err(too_long(line.len(), line_max));
    }
    line.push(b'\n');
    Ok(line)
}

/// A line of `bytes` is longer than the limit.
pub(super) fn too_long(bytes: usize, line_max: usize) -> Error {
    Error::TooLong(format!("the line would have {bytes} bytes, and the limit is {line_max}"))
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
    fn lines_are_those_of_the_protocol() {
        let raw = RawValue::from_string("{ \"a\" : 1e400 }".to_owned()).unwrap();
        assert_eq!(
            text(submit(7, "t\"", "", Some(&[1, 2]), MAX)),
            "{\"cmd\":\"do\",\"id\":7,\"type\":\"t\\\"\",\"arg\":[1,2]}\n"
        );
        assert_eq!(text(submit::<()>(7, "t", "", None, MAX)), "{\"cmd\":\"do\",\"id\":7,\"type\":\"t\"}\n");
        assert_eq!(
            text(submit(7, "t", "", Some(&*raw), MAX)),
            "{\"cmd\":\"do\",\"id\":7,\"type\":\"t\",\"arg\":{ \"a\" : 1e400 }}\n"
        );
        assert_eq!(
            text(submit(7, "t", ",\"priority\":5", Some(&0), MAX)),
            "{\"cmd\":\"do\",\"id\":7,\"type\":\"t\",\"priority\":5,\"arg\":0}\n"
        );
        assert_eq!(cancel(7), "{\"cmd\":\"cancel\",\"id\":7}\n");
        assert_eq!(text(progress(3, Some(&50))), "{\"cmd\":\"progress\",\"job\":3,\"data\":50}\n");
        assert_eq!(text(progress(3, Some(&()))), "{\"cmd\":\"progress\",\"job\":3,\"data\":null}\n");
        assert_eq!(text(progress::<()>(3, None)), "{\"cmd\":\"progress\",\"job\":3}\n");
        assert_eq!(text(answer(3, "res", "x", MAX)), "{\"cmd\":\"did\",\"job\":3,\"res\":\"x\"}\n");
        assert_eq!(text(answer(3, "err", &(), MAX)), "{\"cmd\":\"did\",\"job\":3,\"err\":null}\n");
        assert_eq!(
            can_do(&list(["a", "é\n"]), 2, ""),
            "{\"cmd\":\"can_do\",\"types\":[\"a\",\"é\\n\"],\"max_jobs\":2}\n"
        );
        assert_eq!(can_do("[]", 1, ",\"ref\":true"), "{\"cmd\":\"can_do\",\"types\":[],\"max_jobs\":1,\"ref\":true}\n");
        assert_eq!(cant_do(&list(["a"])), "{\"cmd\":\"cant_do\",\"types\":[\"a\"]}\n");
        assert_eq!(text(metrics("true", "", MAX)), "{\"cmd\":\"metrics\",\"types\":true}\n");
        let more = metrics("[]", ",\"shards\":true", MAX);
        assert_eq!(text(more), "{\"cmd\":\"metrics\",\"types\":[],\"shards\":true}\n");
    }

    #[test]
    fn line_ends_in_a_raw_value_become_spaces_and_nothing_else_changes() {
        let raw = RawValue::from_string("[\r\n  1,\n\t\"\\n\"\n]".to_owned()).unwrap();
        let line = text(submit(1, "t", "", Some(&*raw), MAX));
        assert!(line.ends_with("\"arg\":[    1, \t\"\\n\" ]}\n"), "{line:?}");
    }

    #[test]
    fn a_line_that_no_server_accepts_is_an_error() {
        let nested = |levels: usize| RawValue::from_string("[".repeat(levels) + &"]".repeat(levels)).unwrap();
        assert!(submit(1, "t", "", Some(&nested(127)), MAX).is_ok());
        assert!(matches!(submit(1, "t", "", Some(&nested(128)), MAX), Err(Error::BadJson(_))));
        assert!(matches!(submit(1, "t", "", Some(&nested(10_000)), MAX), Err(Error::BadJson(_))));
        let line = submit::<()>(1, "t", "", None, MAX).unwrap();
        assert!(submit::<()>(1, "t", "", None, line.len() - 1).is_ok());
        assert!(matches!(submit::<()>(1, "t", "", None, line.len() - 2), Err(Error::TooLong(_))));
        assert!(matches!(submit(1, "t", "", Some(&BTreeMap::from([([1], 1)])), MAX), Err(Error::Arg(_))));
    }

    #[test]
    fn a_number_that_json_does_not_have_is_an_error_and_null_is_not() {
        for value in [vec![Some(1.0), None], vec![Some(f64::MIN)]] {
            assert!(submit(1, "t", "", Some(&value), MAX).is_ok());
        }
        for value in [vec![Some(f64::NAN)], vec![None, Some(f64::INFINITY)]] {
            assert!(matches!(submit(1, "t", "", Some(&value), MAX), Err(Error::Arg(_))));
        }
    }

    #[test]
    fn a_reason_that_does_not_fit_the_least_limit_is_short() {
        let text = |line: Vec<u8>| String::from_utf8(line).unwrap();
        assert_eq!(text(failure(7, "why", 64)), "{\"cmd\":\"did\",\"job\":7,\"err\":\"why\"}\n");
        let longest = text(failure(u64::MAX, &"x".repeat(64), 64));
        assert!(longest.ends_with("\"too long\"}\n") && longest.trim_end().len() <= 64, "{longest}");
    }
}
