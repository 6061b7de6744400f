//! Lines that are checked as they arrive, against the decoder of whole lines: the same commands, and the same refusals to
//! the letter, however the lines are cut.

use super::super::command::{Command, decode, decode_frame};
use super::super::corpus::{Random, changed, lines, whole_lines};
use super::super::frame::Frame;
use super::*;
use crate::limits::DEPTH_MAX;

/// Decodes a line that came in these pieces.
fn arrived<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> LongLine {
    let mut line = LongLine::default();
    pieces.into_iter().for_each(|piece| line.push(piece));
    line.end();
    line
}

/// Checks that a line means what the decoder says, cut at random. Returns the line.
fn check(random: &mut Random, whole: &[u8]) -> LongLine {
    let longest = *random.pick(&[1, 2, 7, 60, 5_000]);
    let (mut pieces, mut rest) = (Vec::new(), whole);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(random.below(longest + 1).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    let line = arrived(pieces);
    let text = whole.strip_suffix(b"\r").unwrap_or(whole);
    assert_eq!(line.is_blank(), text.iter().all(|byte| b" \t".contains(byte)), "{}", whole.escape_ascii());
    let found = decode_frame(Frame::LongLine { line: &line, first: false });
    if !line.is_blank() {
        assert_eq!(found, decode(text), "{:.2000}", whole.escape_ascii().to_string());
    }
    drop(found);
    line
}

#[test]
fn the_corpus_is_decoded_as_in_one_piece() {
    let mut random = Random::new(6);
    for line in lines() {
        let line: Vec<u8> = line.into_iter().filter(|&byte| byte != b'\n').collect();
        for _ in 0..5 {
            check(&mut random, &line);
        }
    }
}

/// Whatever comes at a place of a line where it cannot, the reason and the column are the decoder's.
#[test]
fn each_wrong_byte_and_early_end_is_found_as_in_one_piece() {
    let mut random = Random::new(10);
    let deep = |depth: usize| format!(r#"{{"a":{}0{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
    let lines = [
        r#" {"cmd":"do","a":{"b":[1,{"c":-0.5e+3,"":"\u00e9é"}],"d":null},"\n":[true,[],{}] , "arg" : false }"#,
        "\u{feff}{}",
        "\t\u{feff}{}",
        &deep(DEPTH_MAX),
        &deep(DEPTH_MAX + 1),
    ];
    for line in lines {
        for at in 0..=line.len() {
            check(&mut random, &line.as_bytes()[..at]);
            for wrong in b"{}[],:\"\\/0a1u-+.eE tn\r\x00\xef\xbb\xff" {
                check(&mut random, &[&line.as_bytes()[..at], &[*wrong]].concat());
            }
        }
    }
}

/// Other tests give `cmd` twice, which is a fault of its own.
#[test]
fn a_long_command_is_judged_as_in_one_piece() {
    let (mut random, x) = (Random::new(11), "x".repeat(2 * SHORT_VALUE_BYTES_MAX));
    for value in [format!("\"{x}\""), format!("[\"{x}\"]"), "7".repeat(x.len())] {
        check(&mut random, format!("{{\"id\":1,\"cmd\":{value}}}").as_bytes());
    }
}

#[test]
fn a_list_of_types_longer_than_any_id_is_read_as_in_one_piece() {
    let mut random = Random::new(12);
    for last in ["\"u\"", "1", "\"\""] {
        let types = format!("[{}{last}]", "\"t\",".repeat(ID_BYTES_MAX));
        for cmd in ["can_do", "cant_do", "metrics"] {
            let line = check(&mut random, format!("{{\"cmd\":\"{cmd}\",\"types\":{types}}}").as_bytes());
            assert_eq!(line.types().map(<[_]>::len), (last == "\"u\"").then_some(2));
        }
    }
}

#[test]
fn mutated_lines_are_decoded_as_in_one_piece() {
    let (mut random, seeds) = (Random::new(7), whole_lines());
    for _ in 0..100_000 {
        let line = changed(&mut random, &seeds);
        check(&mut random, &line);
    }
}

/// Makes a text or a number of a line long, or gives it a long member more.
fn stretched(random: &mut Random, mut line: Vec<u8>) -> Vec<u8> {
    let fills = [&b"x"[..], b"1", b"\\n", b"\\u00e9", b"\xe2\x82\xac", b"[", b"0,", b" "];
    let fill = *random.pick(&fills);
    let count = (*random.pick(&[NAME_BYTES_MAX, SHORT_VALUE_BYTES_MAX, 3 * SHORT_VALUE_BYTES_MAX])) / fill.len();
    let mut text = fill.repeat(count + random.below(3));
    let mut starts: Vec<usize> =
        (1..=line.len()).filter(|&at| matches!(line[at - 1], b':' | b'"' | b'0'..=b'9')).collect();
    if random.one_in(2) {
        starts = line.iter().position(|&byte| byte == b'{').map(|at| at + 1).into_iter().collect();
        let name = *random.pick(&["arg", "res", "err", "data", "x"]);
        let quote = *random.pick(&["\"", "\"", "\"", ""]);
        text = [format!("\"{name}\": {quote}").as_bytes(), &text, quote.as_bytes(), b" ,"].concat();
    }
    let at = random.pick_any(starts).unwrap_or(0);
    line.splice(at..at, text);
    line
}

#[test]
fn long_values_are_decoded_as_in_one_piece() {
    let (mut random, seeds) = (Random::new(8), whole_lines());
    let (mut carried, mut accepted) = (0, 0);
    for _ in 0..20_000 {
        let line = changed(&mut random, &seeds);
        let line = stretched(&mut random, line);
        let line = check(&mut random, &line);
        carried += usize::from(line.carried.iter().any(Option::is_some));
        accepted += usize::from(decode_frame(Frame::LongLine { line: &line, first: false }).is_ok());
    }
    assert!(carried > 500 && accepted > 500, "{carried} carried, {accepted} accepted");
}

#[test]
fn a_long_value_of_each_member_is_judged_as_in_one_piece() {
    let mut random = Random::new(9);
    let names = [
        "cmd", "id", "type", "arg", "job", "res", "err", "types", "max_jobs", "code", "priority", "delay_ms", "key",
        "deadline_ms", "run_limit_ms", "attempts", "cancellable", "progress", "need_worker", "background", "wait_ms",
        "data", "x",
    ];
    let x = "x".repeat(3 * SHORT_VALUE_BYTES_MAX);
    let values = [
        format!("\"{x}\""),
        "7".repeat(2 * SHORT_VALUE_BYTES_MAX),
        format!("-0.{}", "0".repeat(2 * SHORT_VALUE_BYTES_MAX)),
        format!("[\"{x}\",null,{{}}]"),
        format!("[{}\"t\"]", "\"t\",".repeat(SHORT_VALUE_BYTES_MAX)),
        format!("[{}\"t\"]", "\"\\u0074 t\" , ".repeat(2_000)),
        format!("\"{}\"", "x".repeat(ID_BYTES_MAX - 2)),
        format!("\"{}\"", "x".repeat(ID_BYTES_MAX - 1)),
        format!("{{\"arg\":\"{x}\",\"{x}\":[1]}}"),
    ];
    let rest = r#""id":1,"type":"t","job":3,"types":["t"]"#;
    for cmd in ["do", "did", "progress", "can_do", "cant_do", "metrics", "cancel", "ping", "nope"] {
        for name in names {
            for value in &values {
                for line in [
                    format!(r#"{{"cmd":"{cmd}","{name}":{value},{rest}}}"#),
                    format!(r#"{{"{name}" : {value} ,"cmd":"{cmd}"}}"#),
                    format!(r#"{{"{name}":1,"{name}":{value},"cmd":"{cmd}"}}"#),
                    format!(r#"{{"{name}":{value},"{name}":1,"{name}":{value},"cmd":"{cmd}","id":1}}"#),
                ] {
                    check(&mut random, line.as_bytes());
                }
            }
        }
    }
}

/// A line of many members, names or white space leaves nothing behind that the decoder would have to look at.
#[test]
fn the_sketch_of_any_line_is_short() {
    let much = 100 * SHORT_VALUE_BYTES_MAX;
    let types = format!("[\"{}\"]", "t\",\"".repeat(much / 4));
    let x = "x".repeat(much);
    for body in [
        format!(r#""x":"{x}""#),
        format!(r#""arg":"{x}","arg":"{x}""#),
        format!(r#""type":"{x}","key":["{x}"],"code":"{x}","cmd":{{"{x}":1}}"#),
        format!(r#""{x}":1,"{x}":2"#),
        r#""id":1,"#.repeat(much / 8) + r#""a":1"#,
        format!(r#""id":"{x}","types":{types}"#),
        format!(r#""types":[{}"t"]"#, " ".repeat(much)),
        r#""b":[],"#.repeat(much / 8) + r#""a":1"#,
        format!(r#""cmd"{}:{}"do""#, " ".repeat(much), " ".repeat(much)),
    ] {
        let line = arrived(format!("{{{body}}}").as_bytes().chunks(1_000));
        let sketch = line.sketch().unwrap();
        assert!(sketch.len() < 2 * SHORT_VALUE_BYTES_MAX, "{} bytes for {body:.40}", sketch.len());
    }
    let id = format!("{{\"id\":\"{}", "x".repeat(ID_BYTES_MAX));
    let mut line = arrived([id.as_bytes()]);
    line.push(b"xxxxxx");
    assert!(line.sketch.len() < SHORT_VALUE_BYTES_MAX && line.sketch.capacity() < 3 * ID_BYTES_MAX);
    let refused = arrived([&b"{\"arg\":\""[..], x.as_bytes(), b"\"]"]);
    assert!(refused.sketch().is_err());
    assert!(refused.sketch.capacity() < 16 && refused.carried.iter().all(Option::is_none));
}

#[test]
fn a_carried_value_is_the_text_that_came() {
    let inside = "\u{20ac}".repeat(3 * crate::limits::CHUNK_BYTES);
    let text = format!("[\"{inside}\", {{ \"a\":1e400 }}]");
    let line = format!("{{\"id\":1, \"arg\" : {text} ,\"type\":\"t\",\"cmd\":\"do\"}}");
    let line = arrived(line.as_bytes().chunks(1_000));
    let command = decode_frame(Frame::LongLine { line: &line, first: true }).unwrap();
    let Command::Do { arg: Some(arg), .. } = command else { panic!("{command:?}") };
    assert_eq!((arg.len(), arg.to_string()), (text.len(), text));
}
