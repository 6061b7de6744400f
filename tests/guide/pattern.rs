//! Lines with placeholders, as docs/protocol.md explains them: `<n>` any number, `<text>` the inside of any string
//! without quotes, `<...>` anything, and any other `<word>` a number that is the same wherever the word stands.

use std::collections::HashMap;

/// What the words of a session stand for, as far as they have been met.
pub(crate) type Words = HashMap<String, String>;

/// Whether `line` is what `pattern` shows. Words that are met for the first time are noted.
pub(crate) fn matches(pattern: &str, line: &str, words: &mut Words) -> bool {
    let Some((before, word, after)) = first_word(pattern) else { return pattern == line };
    let Some(rest) = line.strip_prefix(before) else { return false };
    let length = match word {
        "..." => return (0..=rest.len()).any(|at| rest.is_char_boundary(at) && matches(after, &rest[at..], words)),
        "text" => rest.find('"').unwrap_or(0),
        _ => rest.bytes().take_while(u8::is_ascii_digit).count(),
    };
    let (found, rest) = rest.split_at(length);
    let known = match word {
        "text" | "n" => found,
        _ => words.entry(word.to_owned()).or_insert_with(|| found.to_owned()),
    };
    !found.is_empty() && known == found && matches(after, rest, words)
}

/// `pattern` with every word replaced by what it stands for.
pub(crate) fn fill(pattern: &str, words: &Words) -> String {
    match first_word(pattern) {
        None => pattern.to_owned(),
        Some((before, word, after)) => {
            let known = words.get(word).unwrap_or_else(|| panic!("<{word}> has not been met yet"));
            format!("{before}{known}{}", fill(after, words))
        }
    }
}

/// The first placeholder, with what is before and after it.
fn first_word(pattern: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = pattern.split_once('<')?;
    let (word, after) = rest.split_once('>')?;
    Some((before, word, after))
}

#[test]
fn a_pattern_matches_what_it_shows_and_nothing_else() {
    let check = |pattern, line| matches(pattern, line, &mut Words::new());
    assert!(check("{}", "{}"));
    assert!(!check("{}", "{} "));
    assert!(check(r#"{"a":<n>,"b":<n>}"#, r#"{"a":1,"b":22}"#));
    assert!(!check(r#"{"a":<n>}"#, r#"{"a":}"#));
    assert!(!check(r#"{"a":<n>}"#, r#"{"a":-1}"#));
    assert!(check(r#""<text>","c""#, r#""why, and how","c""#));
    assert!(!check(r#""<text>""#, r#""""#));
    assert!(!check(r#""<text>""#, r#""one","two""#));
    assert!(check(r#"{<...>,"t":1}"#, r#"{"a":{"t":1},"t":1}"#));
    assert!(!check(r#"{<...>,"t":1}"#, r#"{"a":{"t":1}}"#));
}

#[test]
fn a_word_is_the_same_number_everywhere() {
    let mut words = Words::new();
    assert!(matches("<a> <b>", "7 8", &mut words));
    assert!(matches("<b> <a>", "8 7", &mut words));
    assert!(!matches("<a>", "8", &mut words));
    assert_eq!(fill("<b>, <a>", &words), "8, 7");
}
