//! The language of the pages: short sentences, plain words, right spelling, pages that can be read in minutes.
//!
//! A sentence has at most [`WORDS_MAX`] words. It ends at a word that ends in `.`, `!`, `?` or `:`, or with its paragraph or
//! list item. A piece of code counts as one word, a link as the words of its text. Code blocks, tables and headings are not
//! counted.

use std::process::Command;

use crate::{page, phrases, programs};

/// The most words in a sentence. Most have 25 at most; the rest is room for lists of names.
const WORDS_MAX: usize = 30;

/// Pages that a new reader reads whole, and the most lines that each may have.
const SHORT: [(&str, usize); 3] = [("README.md", 200), ("docs/performance.md", 200), ("docs/testing.md", 200)];

/// The paragraphs and list items of a page, each as one line, with code replaced by a word and links by their text.
fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in page::prose(text).lines().map(str::trim) {
        let item = item(line);
        if line.is_empty() || item.is_some() || is_apart(line) {
            paragraphs.push(String::new());
        }
        if !is_apart(line) {
            let paragraph = paragraphs.last_mut().expect("there is one from the start");
            paragraph.push_str(item.unwrap_or(line));
            paragraph.push(' ');
        }
    }
    paragraphs.iter().map(|paragraph| without_targets(&without_code(paragraph))).collect()
}

/// The comments of a Rust file, without their marks. A line of code ends a comment, as an empty line does.
fn comments(source: &str) -> String {
    let comment = |line: &str| {
        let whole = line.trim_start().strip_prefix("//").map(|text| text.trim_start_matches(['/', '!']));
        whole.or_else(|| line.split_once(" // ").map(|(_, text)| text)).unwrap_or("|").to_owned()
    };
    source.lines().map(comment).collect::<Vec<_>>().join("\n")
}

/// What a line says as the first of a list item.
fn item(line: &str) -> Option<&str> {
    let (mark, text) = line.split_once(' ')?;
    let is_number = mark.strip_suffix('.').is_some_and(|mark| mark.bytes().all(|byte| byte.is_ascii_digit()));
    (mark == "-" || is_number).then_some(text)
}

/// Whether a line is not prose, but a part of a table, a heading or a picture.
fn is_apart(line: &str) -> bool {
    ["|", "#", "!["].iter().any(|start| line.starts_with(start))
}

/// The text with each piece of code replaced by one word.
pub(crate) fn without_code(text: &str) -> String {
    text.split('`').enumerate().map(|(index, part)| if index % 2 == 0 { part } else { "code" }).collect()
}

/// The text with each link replaced by the text that it shows.
fn without_targets(text: &str) -> String {
    let mut parts = text.split("](");
    let first = parts.next().unwrap_or_default().to_owned();
    first + &parts.map(|part| part.split_once(')').map_or(part, |(_, rest)| rest)).collect::<String>()
}

/// The sentences of a paragraph, each as its words.
fn sentences(paragraph: &str) -> Vec<Vec<&str>> {
    let closing = ['"', '\'', ')', '*', ']'];
    let ends = |word: &&str| word.trim_end_matches(closing).ends_with(['.', '!', '?', ':']);
    let words: Vec<&str> = paragraph.split_whitespace().collect();
    let sentences = words.split_inclusive(ends);
    sentences.map(|words| words.iter().filter(|word| word.contains(char::is_alphanumeric)).copied().collect()).collect()
}

#[test]
fn sentences_are_short() {
    let mut long = Vec::new();
    for path in page::all() {
        let text = page::read(path.to_str().unwrap());
        for paragraph in paragraphs(&text) {
            let sentences = sentences(&paragraph).into_iter().filter(|sentence| sentence.len() > WORDS_MAX);
            long.extend(
                sentences.map(|words| format!("{}: {} words: {}", path.display(), words.len(), words.join(" "))),
            );
        }
    }
    assert!(long.is_empty(), "at most {WORDS_MAX} words in a sentence:\n{}", long.join("\n"));
}

#[test]
fn the_pages_have_plain_words() {
    let mut found = Vec::new();
    for path in page::all() {
        let prose = without_code(&page::prose(&page::read(path.to_str().unwrap())));
        found.extend(phrases::found(&prose).into_iter().map(|found| format!("{}: {found}", path.display())));
    }
    assert!(found.is_empty(), "say it in plainer words:\n{}", found.join("\n"));
}

#[test]
fn the_comments_have_plain_words() {
    let mut found = Vec::new();
    for path in ["src", "tests", "benches"].into_iter().flat_map(|folder| page::below(folder, "rs")) {
        let comments = without_code(&comments(&page::read(&path)));
        found.extend(phrases::found(&comments).into_iter().map(|found| format!("{path}: {found}")));
    }
    assert!(found.is_empty(), "say it in plainer words:\n{}", found.join("\n"));
}

#[test]
fn pages_for_new_readers_are_short() {
    for (path, most) in SHORT {
        let lines = page::read(path).lines().count();
        assert!(lines <= most, "{path} has {lines} lines, at most {most}");
    }
}

#[test]
fn the_spelling_is_right() {
    if programs::find("typos").is_some() {
        let output = Command::new("typos").arg("--format=brief").current_dir(page::root()).output().unwrap();
        assert!(output.status.success(), "typos finds:\n{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn sentences_are_counted_without_code_tables_and_targets() {
    let page = "# A heading\n\nOne `a b c` two\nthree. [Four](five six.md) *five.*\n\n| a | table |\n```\ncode\n```\n- Six:\n  seven\n1. Eight\n";
    let counts: Vec<Vec<usize>> =
        paragraphs(page).iter().map(|text| sentences(text).iter().map(Vec::len).collect()).collect();
    let counts: Vec<Vec<usize>> = counts.into_iter().filter(|counts| !counts.is_empty()).collect();
    assert_eq!(counts, [vec![4, 2], vec![1, 1], vec![1]]);
}

#[test]
fn comments_are_found_without_code() {
    let source =
        "//! So\n//! many.\nlet many = \"//nobody\"; // A comment.\n    /// Of\n    fn it() {}\n    // its own.\n";
    let words = comments(source).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words.join(" "), "So many. A comment. Of | its own.");
}
