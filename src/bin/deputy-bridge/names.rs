//! Builds and parses names in NATS: subjects, consumers, message ids, nodes. Also matches the patterns of `--types`.
//! Pure.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::cli::parse::quoted;

/// The stream of jobs.
pub(crate) const STREAM: &str = "DEPUTY";
/// The subjects of jobs and of the records of bounces.
pub(crate) const STREAM_SUBJECTS: [&str; 2] = ["deputy.job.*", "deputy.bounce.*"];
/// The subjects on which nodes announce themselves.
pub(crate) const PRESENCE_SUBJECTS: &str = "deputy.node.*";

/// The longest token that is used as the name of a consumer. nats-server creates a folder of this name.
const CONSUMER_TOKEN_MAX: usize = 200;
/// The longest name of a node.
const NODE_BYTES_MAX: usize = 64;

/// Characters that are special in other patterns: those of shells, of regular expressions, and of NATS.
const SPECIAL_ELSEWHERE: [char; 9] = ['?', '[', ']', '{', '}', '^', '$', '|', '>'];

/// What `--node` accepts.
pub(crate) const NODE_EXPECTED: &str = "1 to 64 of the characters A-Z, a-z, 0-9, '-' and '_'";

/// Returns a type as one token of a subject.
pub(crate) fn token(type_name: &str) -> String {
    URL_SAFE_NO_PAD.encode(type_name)
}

/// Returns the subject of the jobs of a type.
pub(crate) fn job_subject(type_name: &str) -> String {
    format!("deputy.job.{}", token(type_name))
}

/// Returns the type whose jobs have this subject.
pub(crate) fn type_of_subject(subject: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(subject.strip_prefix("deputy.job.")?).ok()?;
    String::from_utf8(bytes).ok().filter(|name| !name.is_empty())
}

/// Returns the name of a type's consumer: its token. A long token is cut, and ends with a hash of the type.
pub(crate) fn consumer(type_name: &str) -> String {
    let token = token(type_name);
    if token.len() <= CONSUMER_TOKEN_MAX {
        return token;
    }
    format!("{}-{:032x}", &token[..CONSUMER_TOKEN_MAX / 2], fnv1a_128(type_name.as_bytes()))
}

/// Returns the hash FNV-1a of 128 bits. If two types had the same hash, NATS would refuse the second consumer because
/// of its subject.
fn fnv1a_128(bytes: &[u8]) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(BASIS, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

/// Returns the subject to which the results for a node go.
pub(crate) fn result_subject(node: &str) -> String {
    format!("deputy.res.{node}")
}

/// Returns the subject of a node's presence.
pub(crate) fn presence_subject(node: &str) -> String {
    format!("deputy.node.{node}")
}

/// Returns the subject on which the bounces of a message are recorded.
pub(crate) fn bounce_subject(seq: u64) -> String {
    format!("deputy.bounce.{seq}")
}

/// Whether this is a valid name of a node. The name is a token of subjects and a part of message ids.
pub(crate) fn is_node(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=NODE_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_plain)
}

/// A job of some node, as its message in the stream names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JobName {
    pub(crate) node: String,
    /// When that node's server started, in ms since 1970.
    pub(crate) up_since: u64,
    /// The server's name for the job.
    pub(crate) reference: String,
}

impl JobName {
    /// Reads a message id: `node/up_since/ref`, perhaps with the number of a later message for the same job.
    pub(crate) fn of_message_id(id: &str) -> Option<Self> {
        let mut parts = id.split('/');
        let (node, up_since, reference) = (parts.next()?, parts.next()?, parts.next()?);
        if !is_node(node) || reference.is_empty() {
            return None;
        }
        Some(Self { node: node.to_owned(), up_since: up_since.parse().ok()?, reference: reference.to_owned() })
    }

    /// Returns the message id of the `later`-th further message for the job; the first message has 0.
    pub(crate) fn message_id(&self, later: u32) -> String {
        if later == 0 { self.to_string() } else { format!("{self}/{later}") }
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.node, self.up_since, self.reference)
    }
}

/// Which types a node shares with the others. Without a pattern: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Patterns(Vec<String>);

impl Patterns {
    /// `*` in a pattern stands for any text.
    pub(crate) fn new(patterns: impl IntoIterator<Item = String>) -> Self {
        Self(patterns.into_iter().collect())
    }

    /// Whether a type is shared.
    pub(crate) fn match_type(&self, type_name: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| matches(pattern, type_name))
    }

    /// Returns a warning for each pattern that may match other types than its author expects. Any text may be a type,
    /// so no pattern is an error.
    pub(crate) fn doubts(&self) -> Vec<String> {
        let repeated = |index: usize, pattern: &String| {
            self.0[..index].contains(pattern).then(|| format!("{} is given twice (--types)", quoted(pattern)))
        };
        let doubts = self.0.iter().enumerate();
        doubts.filter_map(|(index, pattern)| repeated(index, pattern).or_else(|| doubt(pattern))).collect()
    }

    /// Returns the patterns that name one type each.
    pub(crate) fn literals(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str).filter(|pattern| !pattern.contains('*'))
    }
}

/// Returns a warning if a pattern may match other types than its author expects, with the probable right form.
fn doubt(pattern: &str) -> Option<String> {
    let shown = quoted(pattern);
    if pattern.trim() != pattern {
        return Some(format!("{shown} begins or ends with a space, and only types that do so match (--types)"));
    }
    let parts: Vec<&str> = pattern.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    if pattern.contains(',') {
        let options: Vec<String> = parts.iter().map(|part| format!("--types {}", shell_word(part))).collect();
        return Some(format!("{shown} is one pattern with a comma in it; for several give {}", options.join(" ")));
    }
    let special = pattern.chars().find(|c| SPECIAL_ELSEWHERE.contains(c))?;
    Some(format!("{shown} matches only types with a {special} in their names: * alone is special in --types"))
}

/// Returns a text as one word of a shell.
fn shell_word(text: &str) -> String {
    let is_plain = text.chars().all(|c| c.is_alphanumeric() || "-_.:/".contains(c));
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Whether a pattern matches a text. The parts between the stars are found from left to right.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_of_any_text_is_one_token_and_comes_back() {
        for name in ["resize", "a.b", "*", ">", "two words", "é\u{1f600}", "\u{0}\n", &"x".repeat(255)] {
            let subject = job_subject(name);
            let token = subject.strip_prefix("deputy.job.").unwrap();
            assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{token}");
            assert_eq!(type_of_subject(&subject).as_deref(), Some(name));
        }
        for subject in ["deputy.job.", "deputy.job.*", "deputy.job.a.b", "deputy.bounce.1", "deputy.job._w"] {
            assert_eq!(type_of_subject(subject), None, "{subject}");
        }
    }

    #[test]
    fn the_names_of_consumers_fit_and_differ() {
        assert_eq!(consumer("resize"), token("resize"));
        let long = "x".repeat(254);
        let names = ["y", "z"].map(|end| consumer(&format!("{long}{end}")));
        assert!(names.iter().all(|name| name.len() <= CONSUMER_TOKEN_MAX));
        assert_ne!(names[0], names[1]);
        // The hashes of the empty text and of "a" that the authors of FNV publish.
        assert_eq!(fnv1a_128(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(fnv1a_128(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }

    #[test]
    fn a_message_id_names_a_job() {
        let name = JobName { node: "a".to_owned(), up_since: 17, reference: "0.5".to_owned() };
        for later in [0, 1, 20] {
            assert_eq!(JobName::of_message_id(&name.message_id(later)), Some(name.clone()));
        }
        assert_eq!(name.message_id(0), "a/17/0.5");
        for id in ["", "a", "a/17", "a/x/0.5", "/17/0.5", "a/17/", "a b/17/0.5"] {
            assert_eq!(JobName::of_message_id(id), None, "{id}");
        }
    }

    #[test]
    fn patterns_choose_types() {
        let check = |patterns: &[&str], name: &str, expected: bool| {
            let patterns = Patterns::new(patterns.iter().map(|&pattern| pattern.to_owned()));
            assert_eq!(patterns.match_type(name), expected, "{patterns:?} {name}");
        };
        check(&[], "anything", true);
        check(&["resize"], "resize", true);
        check(&["resize"], "resized", false);
        check(&["image.*", "mail"], "image.resize", true);
        check(&["image.*", "mail"], "mail", true);
        check(&["image.*", "mail"], "image", false);
        check(&["*"], "", true);
        check(&["*.png"], "a.png", true);
        check(&["*.png"], "png", false);
        check(&["a*b*c"], "a-b-b-c", true);
        check(&["a*b*c"], "a-c-b", false);
        check(&["a*a"], "a", false);
        check(&["**"], "x", true);
        let patterns = Patterns::new(["a".to_owned(), "b*".to_owned()]);
        assert_eq!(patterns.literals().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn patterns_that_may_mean_something_else_are_doubted() {
        for (patterns, expected) in [
            (&["a", "b.*", "*", "a/b:c"][..], &[][..]),
            (&["a", "a"], &["'a' is given twice (--types)"]),
            (
                &["a, it's b*"],
                &[r"'a, it's b*' is one pattern with a comma in it; for several give --types a --types 'it'\''s b*'"],
            ),
            (&["img?"], &["'img?' matches only types with a ? in their names: * alone is special in --types"]),
            (&["a.>"], &["'a.>' matches only types with a > in their names: * alone is special in --types"]),
            (&[" a"], &["' a' begins or ends with a space, and only types that do so match (--types)"]),
        ] {
            let patterns = Patterns::new(patterns.iter().map(|&pattern| pattern.to_owned()));
            assert_eq!(patterns.doubts(), expected);
        }
    }

    #[test]
    fn a_node_is_one_token() {
        for name in ["a", "web-1", "A_9", &"n".repeat(64)] {
            assert!(is_node(name), "{name}");
        }
        for name in ["", "a.b", "a b", "a/b", "*", ">", "é", &"n".repeat(65)] {
            assert!(!is_node(name), "{name}");
        }
    }
}
