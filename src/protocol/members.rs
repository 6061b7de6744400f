//! Finds the known members of a line's object, each as received.
//!
//! The syntax of the whole line is checked here, even in values that no command uses. [`super::command`] decodes the
//! values. No value is copied or parsed into a tree. The parser decides; [`super::fast_path`] reads simple lines before
//! it.

use std::fmt;

use memchr::{memchr, memchr2};
use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::fast_path;
use super::string::unescape;
use super::utf8::not_utf8;
use crate::limits::{DEPTH_MAX, ID_BYTES_MAX};

/// Declares the known names once: the variants of [`Name`] are in the order of the texts. All other names are ignored.
macro_rules! names {
    (
        often { $($(#[$often_attribute:meta])* $often:ident $often_text:literal,)* }
        rarely { $($rare:ident $rare_text:literal,)* }
    ) => {
        /// The members that commands use.
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub(super) enum Name {
            $($(#[$often_attribute])* $often,)*
            $($rare,)*
        }

        /// The names in most lines.
        const NAMES: [&str; [$($often_text),*].len()] = [$($often_text),*];

        /// The other names.
        pub(super) const RARE_NAMES: [&str; [$($rare_text),*].len()] = [$($rare_text),*];

        /// All names.
        #[cfg(test)]
        const ALL: [(Name, &str); NAMES.len() + RARE_NAMES.len()] =
            [$((Name::$often, $often_text),)* $((Name::$rare, $rare_text),)*];
    };
}

names! {
    // Those of `do` and `did` come first, because they are looked up most.
    often {
        Cmd "cmd",
        Id "id",
        Type "type",
        Arg "arg",
        Job "job",
        Res "res",
        Err "err",
        Types "types",
        MaxJobs "max_jobs",
        #[allow(dead_code, reason = "no command looks it up, but it may not be given twice either")]
        Code "code",
    }
    // The options of a `do`, then those of other commands.
    rarely {
        Priority "priority",
        DelayMs "delay_ms",
        DeadlineMs "deadline_ms",
        RunLimitMs "run_limit_ms",
        Attempts "attempts",
        Cancellable "cancellable",
        Progress "progress",
        Key "key",
        NeedWorker "need_worker",
        Background "background",
        Durable "durable",
        WaitMs "wait_ms",
        Data "data",
        Histograms "histograms",
        Shards "shards",
        Ref "ref",
        Spare "spare",
    }
}

/// Returns the place of an unescaped name in [`Name`]. `None` if it is not known.
pub(super) fn known(name: &[u8]) -> Option<usize> {
    NAMES.iter().chain(&RARE_NAMES).position(|known| known.as_bytes() == name)
}

/// Returns the name with a colon that begins at `at`, and the offset behind the colon. `None` if it is not one of the
/// names in most lines, is spelled differently, or is too near to the line's end for this comparison.
#[inline]
pub(super) fn common_name(line: &[u8], at: usize) -> Option<(Name, usize)> {
    const ID: u64 = first_bytes(*br#""id":   "#, 5);
    const JOB: u64 = first_bytes(*br#""job":  "#, 6);
    const ARG: u64 = first_bytes(*br#""arg":  "#, 6);
    const RES: u64 = first_bytes(*br#""res":  "#, 6);
    const ERR: u64 = first_bytes(*br#""err":  "#, 6);
    const TYPE: u64 = first_bytes(*br#""type": "#, 7);
    let next = *line.get(at..)?.first_chunk()?;
    let (name, bytes) = match (first_bytes(next, 5), first_bytes(next, 6), first_bytes(next, 7)) {
        (ID, ..) => (Name::Id, 5),
        (_, _, TYPE) => (Name::Type, 7),
        (_, ARG, _) => (Name::Arg, 6),
        (_, JOB, _) => (Name::Job, 6),
        (_, RES, _) => (Name::Res, 6),
        (_, ERR, _) => (Name::Err, 6),
        _ => return None,
    };
    Some((name, at + bytes))
}

/// Returns the first bytes of eight as one number.
const fn first_bytes(eight: [u8; 8], bytes: u32) -> u64 {
    u64::from_le_bytes(eight) & (u64::MAX >> (u64::BITS - 8 * bytes))
}

/// The number of options of a `do` in [`RARE_NAMES`].
const OPTIONS: usize = Name::Data as usize - NAMES.len();

/// The known members of a line. Values are without the white space around them.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Members<'a> {
    values: [Option<&'a str>; NAMES.len()],
    /// The values of [`RARE_NAMES`]; allocated for the first of them, so that a line without them does not need it.
    rare: Option<Box<[Option<&'a str>; RARE_NAMES.len()]>>,
    /// One bit per name that was given more than once.
    twice: u32,
}

impl<'a> Members<'a> {
    /// Reads a line without its end. `Err` is a message why it is not a JSON object that the protocol accepts.
    #[cfg(test)]
    fn read(line: &'a [u8]) -> Result<Self, String> {
        let mut members = Self::default();
        members.add_all(line, None).map(|()| members)
    }

    /// Adds the members of a line without its end; no member was added before. `text` is the line if it was checked to be
    /// UTF-8. `Err` is a message why it is not a JSON object that the protocol accepts.
    #[inline]
    pub(super) fn add_all(&mut self, line: &'a [u8], text: Option<&'a str>) -> Result<(), String> {
        let text = match text {
            Some(text) => text,
            None => checked_text(line)?,
        };
        if fast_path::read(text, self) != Some(text.len()) {
            *self = Self::parse(text)?;
        }
        self.remove_doubled();
        Ok(())
    }

    /// Adds the members of the line that begins `text`, which may go on with further lines; no member was added before.
    /// Returns how many bytes the line has, without its end. `None` if [`Self::add_all`] has to read the line; then some
    /// members may have been added.
    #[inline]
    pub(super) fn add_first(&mut self, text: &'a str) -> Option<usize> {
        let bytes = fast_path::read(text, self)?;
        let is_end = matches!(text.as_bytes()[bytes..], [b'\n', ..] | [b'\r', b'\n', ..]);
        self.remove_doubled();
        is_end.then_some(bytes)
    }

    /// Reads any line, only with the parser.
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        // Some clients treat a CR as the end of a line, so no value may contain one.
        if let Some(at) = memchr(b'\r', text.as_bytes()) {
            return Err(cr_inside(at));
        }
        if text.starts_with('\u{feff}') {
            return Err("a byte order mark (U+FEFF) before the JSON object: send UTF-8 without one".to_owned());
        }
        // The parser's error would quote the whole value.
        if !text.trim_start_matches([' ', '\t']).starts_with('{') {
            return Err("not a JSON object".to_owned());
        }
        let mut parser = serde_json::Deserializer::from_str(text);
        let members = parser
            .deserialize_map(Envelope)
            .and_then(|members| parser.end().map(|()| members))
            .map_err(|error| error.to_string().replacen("line 1 column", "column", 1))?;
        if is_too_deep(text.as_bytes(), DEPTH_MAX) {
            return Err(format!("more than {DEPTH_MAX} objects and arrays open at once"));
        }
        Ok(members)
    }

    /// Removes the values of names that were given more than once.
    #[inline]
    fn remove_doubled(&mut self) {
        if self.twice == 0 {
            return;
        }
        let rare = self.rare.iter_mut().flat_map(|rare| rare.iter_mut());
        for (index, value) in self.values.iter_mut().chain(rare).enumerate() {
            if self.twice & (1 << index) != 0 {
                *value = None;
            }
        }
    }

    /// Returns the member's value; `None` if it is absent, or given twice.
    pub(super) fn get(&self, name: Name) -> Option<&'a str> {
        let index = name as usize;
        match index.checked_sub(NAMES.len()) {
            None => self.values[index],
            Some(rare) => self.rare.as_ref()?[rare],
        }
    }

    /// Returns whether an option of a `do` is given.
    pub(super) fn has_options(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare[..OPTIONS].iter().any(Option::is_some))
    }

    /// Returns the line's id, if it is a string or a number, not too long, and given once.
    pub(super) fn id(&self) -> Option<&'a str> {
        let is_id =
            |id: &&str| id.len() <= ID_BYTES_MAX && matches!(id.as_bytes().first(), Some(b'"' | b'-' | b'0'..=b'9'));
        self.get(Name::Id).filter(is_id)
    }

    /// Returns the name of a member that was given twice, if there is one.
    pub(super) fn twice(&self) -> Option<&'static str> {
        let index = (self.twice != 0).then(|| self.twice.trailing_zeros() as usize)?;
        NAMES.iter().chain(&RARE_NAMES).nth(index).copied()
    }

    /// Adds a member, given its unescaped name.
    pub(super) fn add(&mut self, name: &[u8], value: &'a str) {
        match NAMES.iter().position(|known| known.as_bytes() == name) {
            Some(index) => self.add_known(index, value),
            None => self.add_rare(name, value),
        }
    }

    /// Adds a member, given the place of its name in [`NAMES`].
    #[inline]
    pub(super) fn add_known(&mut self, index: usize, value: &'a str) {
        if self.values[index].replace(value).is_some() {
            self.twice |= 1 << index;
        }
    }

    /// Adds a member whose name is not in [`NAMES`]. Not inlined, because that would slow the loop over the members.
    #[inline(never)]
    fn add_rare(&mut self, name: &[u8], value: &'a str) {
        if let Some(index) = RARE_NAMES.iter().position(|known| known.as_bytes() == name)
            && self.rare.get_or_insert_default()[index].replace(value).is_some()
        {
            self.twice |= 1 << (NAMES.len() + index);
        }
    }
}

/// Returns the message that a CR after `at` bytes is not allowed there.
pub(super) fn cr_inside(at: usize) -> String {
    format!("a CR that is not at the line's end, at column {}", at + 1)
}

/// Checks that a line is UTF-8. Not inlined, because nearly all lines have been checked.
#[inline(never)]
fn checked_text(line: &[u8]) -> Result<&str, String> {
    match simdutf8::basic::from_utf8(line) {
        Ok(text) => Ok(text),
        // simdutf8 does not report the place.
        Err(_) => str::from_utf8(line).map_err(|error| not_utf8(error.valid_up_to())),
    }
}

/// Receives the members of the line's object. Names come raw as well, because the parser refuses a `str` with lone
/// surrogates. Such names are legal and unknown.
struct Envelope;

impl<'de> Visitor<'de> for Envelope {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            let name = unescape(name.get()).expect("the parser takes only strings as names");
            members.add(&name, value.get());
        }
        Ok(members)
    }
}

/// Returns whether more than `depth_max` containers are open at once in a value, whose syntax has been checked. The
/// parser's own check does not cover values that it skips.
pub(crate) fn is_too_deep(bytes: &[u8], depth_max: usize) -> bool {
    if bytes.len() < 2 * (depth_max + 1) {
        return false; // No room for the brackets.
    }
    let (mut open, mut at) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => at += string_bytes(&bytes[at..]),
            b'[' | b'{' if open == depth_max => return true,
            b'[' | b'{' => open += 1,
            b']' | b'}' => open -= 1,
            _ => {}
        }
    }
    false
}

/// Returns how many bytes a string has after its opening quote, the closing one included.
fn string_bytes(rest: &[u8]) -> usize {
    let mut at = 0;
    loop {
        at += 1 + memchr2(b'"', b'\\', &rest[at..]).expect("a string whose syntax has been checked ends");
        if rest[at - 1] == b'"' {
            return at;
        }
        at += 1; // The escaped character may be a quote.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_of(line: &str) -> Option<String> {
        Members::read(line.as_bytes()).unwrap().id().map(str::to_owned)
    }

    #[test]
    fn each_member_is_found_under_its_own_name() {
        let all: Vec<String> = ALL.iter().enumerate().map(|(at, (_, text))| format!("\"{text}\":{at}")).collect();
        let line = format!("{{{}}}", all.join(","));
        let members = Members::read(line.as_bytes()).unwrap();
        for (at, (name, _)) in ALL.into_iter().enumerate() {
            assert_eq!(members.get(name), Some(at.to_string().as_str()), "{name:?}");
            let line = format!("{{{}}}", all[at]);
            let alone = Members::read(line.as_bytes()).unwrap();
            let found = ALL.into_iter().filter(|&(other, _)| alone.get(other).is_some());
            assert_eq!(found.map(|(other, _)| other).collect::<Vec<_>>(), [name]);
            assert_eq!(alone.rare.is_some(), at >= NAMES.len(), "{line} makes room for the others if it must");
            let is_other = matches!(name, Name::Data | Name::Histograms | Name::Shards | Name::Ref | Name::Spare);
            let is_option = at >= NAMES.len() && !is_other;
            assert_eq!(alone.has_options(), is_option, "{line}");
        }
    }

    #[test]
    fn values_are_the_text_that_arrived_without_the_space_around() {
        for (line, arg) in [
            (r#"{"arg":1e400}"#, "1e400"),
            ("{ \"arg\" \t: \t -0 \t, \"x\" : 1 } ", "-0"),
            ("{\"arg\": { \"b\" : 1,\t\"a\":[ ] } }", "{ \"b\" : 1,\t\"a\":[ ] }"),
            (r#"{"arg": null }"#, "null"),
            (r#"{"arg":"\u0000\/\ud800"}"#, r#""\u0000\/\ud800""#),
            ("{\"arg\":\"\u{2028}\u{7f}\"}", "\"\u{2028}\u{7f}\""),
            (r#"{"\u0061r\u0067":2.50}"#, "2.50"),
        ] {
            assert_eq!(Members::read(line.as_bytes()).unwrap().get(Name::Arg), Some(arg), "{line}");
        }
    }

    #[test]
    fn ids_are_strings_and_numbers() {
        for id in [r#""""#, r#""\ud800""#, "0", "-1", "1e400", "12345678901234567890"] {
            assert_eq!(id_of(&format!("{{\"id\": {id} }}")).as_deref(), Some(id));
        }
        for id in ["null", "true", "false", "[1]", "{}"] {
            assert_eq!(id_of(&format!("{{\"id\":{id}}}")), None);
        }
    }

    #[test]
    fn a_member_given_twice_is_found_under_any_spelling_and_unreadable() {
        for (line, twice) in [
            (r#"{"id":1,"id":1}"#, Some("id")),
            (r#"{"id":1,"\u0069d":null,"id":2}"#, Some("id")),
            (r#"{"code":1,"cod\u0065":1}"#, Some("code")),
            (r#"{"priority":1,"pr\u0069ority":1}"#, Some("priority")),
            (r#"{"data":1,"x":1,"key":1,"key":1,"data":1}"#, Some("key")),
            (r#"{"data":null,"data":null}"#, Some("data")),
            (r#"{"delay":1,"delay":1,"keys":1,"keys":1}"#, None),
            (r#"{"x":1,"x":1,"id":1}"#, None),
            (r#"{"id":{"id":1},"arg":[{"id":1,"id":2}]}"#, None),
            (r#"{"ID":1,"id ":1,"id\u0000":1}"#, None),
        ] {
            let members = Members::read(line.as_bytes()).unwrap();
            assert_eq!(members.twice(), twice, "{line}");
            assert!(twice != Some("id") || members.id().is_none(), "{line}");
        }
    }

    #[test]
    fn names_with_lone_surrogates_are_unknown() {
        assert_eq!(id_of(r#"{"\ud800":1,"id\udc00":2,"\ud83d\ude00":3,"id":4}"#).as_deref(), Some("4"));
    }

    #[test]
    fn containers_are_counted_wherever_they_are() {
        let arrays = |count: usize| format!("{}{}", "[".repeat(count), "]".repeat(count));
        let objects = |count: usize| format!("{}0{}", r#"{"\\\"":"#.repeat(count), "}".repeat(count));
        for name in ["arg", "unknown", "code"] {
            for (value, deep) in [
                (arrays(126), false),
                (arrays(127), false),
                (arrays(128), true),
                (objects(127), false),
                (objects(128), true),
                (arrays(100_000), true),
                (format!("[{},{}]", arrays(126), objects(126)), false),
                (format!("[{},{}]", arrays(126), objects(127)), true),
                (format!("\"{}\\\"{}\\\\\"", "[".repeat(200), "{".repeat(200)), false),
                (format!("[{}0]", "0,".repeat(1_000)), false),
            ] {
                let line = format!("{{\"{name}\":{value}}}");
                assert_eq!(Members::read(line.as_bytes()).is_err(), deep, "{line:.300}");
            }
        }
    }
}
