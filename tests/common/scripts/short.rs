//! The short forms of the lines of scripts: of what a peer sends, and of what it receives.

use super::Expected;

/// Returns the line that a client sends: written in full, or in short if it begins with a letter.
///
/// `can_do a b`, `can_do a max_jobs 2`, `can_do a with spare`, `cant_do a`, `do ID TYPE ARG`,
/// `do ID TYPE ARG with NAME VALUE, NAME`, `did ID`, `did $n res VALUE`, `did ID err VALUE`, `cancel ID`,
/// `progress ID DATA`, `progress $n DATA`, `stored $n`, `metrics`, `ping`. An id
/// without quotes or digits is a string; the last part is used as it is written. A member without a value is `true`.
pub(crate) fn sent_line(text: &str) -> Option<String> {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Some(text.to_owned());
    }
    let (cmd, rest) = word(text);
    Some(match cmd {
        "ping" | "metrics" if rest.is_empty() => format!(r#"{{"cmd":"{cmd}"}}"#),
        "can_do" | "cant_do" => {
            let (rest, options) = rest.split_once(" with ").unwrap_or((rest, ""));
            let (types, max_jobs) = rest.split_once("max_jobs ").unwrap_or((rest, ""));
            let types: Vec<String> = types.split_whitespace().map(|name| format!("\"{name}\"")).collect();
            let (max_jobs, options) = (member("max_jobs", max_jobs), options_text(options));
            format!(r#"{{"cmd":"{cmd}","types":[{}]{max_jobs}{options}}}"#, types.join(","))
        }
        "do" => {
            let (rest, options) = rest.split_once(" with ").unwrap_or((rest, ""));
            let (id, rest) = word(rest);
            let (type_name, arg) = word(rest);
            let (arg, options) = (member("arg", arg), options_text(options));
            format!(r#"{{"cmd":"do","id":{},"type":"{type_name}"{arg}{options}}}"#, id_text(id))
        }
        "cancel" => format!(r#"{{"cmd":"cancel","id":{}}}"#, id_text(rest)),
        "stored" => format!(r#"{{"cmd":"stored","job":{rest}}}"#),
        "did" | "progress" => {
            let (id, rest) = word(rest);
            let (name, value) = if cmd == "did" { word(rest) } else { ("data", rest) };
            let key = if id.starts_with('$') { "job" } else { "id" };
            format!(r#"{{"cmd":"{cmd}","{key}":{}{}}}"#, id_text(id), member(name, value))
        }
        _ => return None,
    })
}

/// Returns what a peer is to receive: a line written in full, with its wildcards, or in short.
///
/// `do ID TYPE ARG`, `do ID TYPE $n ARG`, `do ID TYPE $n attempt 2 run_limit_ms 5 ARG`, `did ID`, `did ID res VALUE`,
/// `did ID failed VALUE`, `did ID CODE`, `cancel $n`, `stored ID`, `progress ID DATA`, `error CODE`, `error CODE ID`, `pong`,
/// `metrics NAME VALUE, NAME VALUE`, `table ROWS TYPE TYPE`.
pub(crate) fn expected(text: &str) -> Option<Expected> {
    if text.starts_with('{') {
        return Some(Expected::Line(text.to_owned()));
    }
    let (cmd, rest) = word(text);
    let (first, rest) = word(rest);
    Some(Expected::Line(match cmd {
        "pong" if first.is_empty() => r#"{"cmd":"pong"}"#.to_owned(),
        "error" => format!(r#"{{"cmd":"error","code":"{first}","error":"…"{}}}"#, member("id", &id_text(rest))),
        "do" => {
            let (type_name, rest) = word(rest);
            let (job, rest) = if rest.starts_with('$') { word(rest) } else { ("", rest) };
            let (attempt, rest) = named_value("attempt", rest);
            let (limit, arg) = named_value("run_limit_ms", rest);
            let members = [("job", job), ("attempt", attempt), ("run_limit_ms", limit), ("arg", arg)];
            let members: String = members.iter().map(|(name, value)| member(name, value)).collect();
            format!(r#"{{"cmd":"do","id":{},"type":"{type_name}"{members}}}"#, id_text(first))
        }
        "cancel" => format!(r#"{{"cmd":"cancel","job":{first}}}"#),
        "stored" => format!(r#"{{"cmd":"stored","id":{}}}"#, id_text(first)),
        "progress" => format!(r#"{{"cmd":"progress","id":{},"data":{rest}}}"#, id_text(first)),
        "did" => {
            let (what, value) = word(rest);
            let tail = match what {
                "" | "res" => member("res", value),
                "failed" => format!(r#","err":{value},"code":"failed""#),
                code => format!(r#","err":"…","code":"{code}""#),
            };
            format!(r#"{{"cmd":"did","id":{}{tail}}}"#, id_text(first))
        }
        "metrics" => {
            let all = text["metrics".len()..].split(", ").filter(|pair| !pair.is_empty());
            let pairs = all.map(|pair| pair.trim().split_once(' '));
            let pairs: Option<Vec<(&str, &str)>> = pairs.collect();
            return Some(Expected::Metrics(pairs?.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect()));
        }
        "table" => {
            let rows = first.parse().ok()?;
            return Some(Expected::Table(rows, rest.split_whitespace().map(str::to_owned).collect()));
        }
        _ => return None,
    }))
}

fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// `attempt 2 REST` becomes 2 and the rest; what does not begin with the name has no value.
fn named_value<'a>(name: &str, text: &'a str) -> (&'a str, &'a str) {
    match word(text) {
        (first, rest) if first == name => word(rest),
        _ => ("", text),
    }
}

/// `cancellable, priority 5` becomes the members of a `do`.
fn options_text(options: &str) -> String {
    let options = options.split(", ").map(str::trim).filter(|option| !option.is_empty());
    let option = |option| {
        let (name, value) = word(option);
        member(name, if value.is_empty() { "true" } else { value })
    };
    options.map(option).collect()
}

fn member(name: &str, value: &str) -> String {
    if value.is_empty() { String::new() } else { format!(",\"{name}\":{value}") }
}

fn id_text(id: &str) -> String {
    if id.starts_with(|c: char| c.is_ascii_alphabetic()) { format!("\"{id}\"") } else { id.to_owned() }
}
