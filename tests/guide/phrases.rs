//! Phrases that hold a reader up, and what to say instead.

/// Each phrase in lower case, and what to say instead. Words in brackets are alternatives. A phrase with a full stop is one
/// only where its last word ends a clause.
const PHRASES: [(&str, &str); 13] = [
    ("for want of", "because there is no"),
    ("by turns", "alternately"),
    ("it were", "there were"),
    ("to and fro", "back and forth"),
    ("of its own accord", "by itself"),
    ("so many", "the number or the parameter"),
    ("stands at", "is"),
    ("nobody", "no worker, no client, no reader"),
    ("somebody", "a worker, a client, a reader"),
    ("whoever", "the one that"),
    ("(is|are|be|was|were|been) told", "learns, receives, is asked to"),
    ("a (second|job|line|turn|type|worker|shard|thread|core|connection) each.", "one per"),
    ("at hand", "available"),
];

/// The phrases that a text has, each with some words around it and what to say instead.
pub(crate) fn found(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let plain: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let mut found = Vec::new();
    for (phrase, instead) in PHRASES {
        let pattern: Vec<&str> = phrase.trim_end_matches('.').split(' ').collect();
        for (at, window) in plain.windows(pattern.len()).enumerate() {
            let (last, before) = window.split_last().expect("a phrase has a word");
            let bare = last.trim_end_matches(|c: char| !c.is_alphanumeric());
            let behind = plain.get(at + pattern.len());
            let ends_clause = bare != last || behind.is_none_or(|word| !word.contains(char::is_alphanumeric));
            let mut words_of_it = before.iter().map(String::as_str).chain([bare]).zip(&pattern);
            if words_of_it.all(|(word, pattern)| matches(word, pattern)) && (ends_clause || !phrase.ends_with('.')) {
                let around = &words[at.saturating_sub(4)..(at + pattern.len() + 4).min(words.len())];
                found.push(format!("\"{}\" ({instead})", around.join(" ")));
            }
        }
    }
    found
}

/// Whether a word is a word of a phrase, or one of its alternatives. What opens a quotation or a bracket does not count.
fn matches(word: &str, pattern: &str) -> bool {
    let word = word.trim_start_matches(|c: char| !c.is_alphanumeric());
    pattern.trim_matches(['(', ')']).split('|').any(|known| known == word)
}

#[test]
fn phrases_are_found_across_lines_and_in_any_case() {
    let count = |text| found(text).len();
    assert_eq!(count("Closed, for\nwant of room. Nobody knows; it is\ntold twice."), 3);
    assert_eq!(count("(a job each). A job, each of them; to tell of a job each second"), 1);
    assert_eq!(count("a body, want of, told. By that, turns; a poller per thread. Each"), 0);
}
