//! The pages name files, functions and types of the project: each of them exists where the page says.
//!
//! A piece of code that is a path, such as `server/shard.rs` or `tests/common/scripts/script.rs`, is a file, below
//! `src/` or below the root. A path with a name behind it, such as `dispatch/mod.rs:step`, says that the file defines
//! the name.

use crate::page;

/// The code in a text that begins with the path of a Rust file, with the name behind it if there is one.
fn places(text: &str) -> Vec<(&str, Option<&str>)> {
    let code = text.split('`').skip(1).step_by(2);
    let places = code.map(|code| code.split_once(':').map_or((code, None), |(path, name)| (path, Some(name.trim()))));
    places.filter(|(path, _)| path.strip_suffix(".rs").is_some() && !path.contains([' ', '*'])).collect()
}

/// The text of a file that a page names.
pub(crate) fn file(path: &str) -> Option<String> {
    let paths = [page::root().join("src").join(path), page::root().join(path)];
    paths.iter().find_map(|path| std::fs::read_to_string(path).ok())
}

/// The names of the tests that a macro makes of its rows in a source: `scripts!` and `families!` have `name: ...` in each.
pub(crate) fn tests_of_rows(text: &str) -> impl Iterator<Item = &str> {
    let heads = ["\nscripts! {\n", "\nfamilies! {\n"];
    let blocks =
        heads.into_iter().flat_map(|head| text.split(head).skip(1)).filter_map(|rest| rest.split("\n}\n").next());
    let names = blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("    ")?.split_once(": "));
    names.map(|(name, _)| name).filter(|name| name.chars().all(is_of_a_name))
}

/// Whether a text defines all parts of a name: `Owner::settle` is the type and the function.
pub(crate) fn defines(text: &str, name: &str) -> bool {
    let kinds = ["fn", "struct", "enum", "trait", "type", "const", "static", "mod", "macro_rules!"];
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_defined = |part: &str| {
        let is_it = |word: &str| word.strip_prefix(part).is_some_and(|rest| !rest.starts_with(is_of_a_name));
        words.windows(2).any(|two| kinds.contains(&two[0]) && is_it(two[1]))
    };
    let ends_variant = |rest: &str| [",", "(", " {"].iter().any(|end| rest.starts_with(end));
    let is_variant = |part: &str| text.lines().any(|line| line.trim().strip_prefix(part).is_some_and(ends_variant));
    let is_extended = |part: &str| words.windows(2).any(|two| two[0].starts_with("impl") && two[1].starts_with(part));
    let is_row = |part: &str| tests_of_rows(text).any(|name| name == part);
    name.split("::").all(|part| is_defined(part) || is_variant(part) || is_extended(part) || is_row(part))
}

/// Whether a character may go on a name.
fn is_of_a_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[test]
fn files_and_names_that_the_pages_name_exist() {
    let mut missing = Vec::new();
    for path in page::all() {
        let path = path.to_str().unwrap();
        if path.starts_with("docs/results/") {
            continue; // They are as they were on their day.
        }
        for (place, name) in places(&page::prose(&page::read(path))) {
            match (file(place), name) {
                (None, _) => missing.push(format!("{path}: there is no {place}")),
                (Some(text), Some(name)) if !defines(&text, name) => {
                    missing.push(format!("{path}: {place} does not define {name}"));
                }
                (Some(_), _) => {}
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn the_walk_names_functions() {
    let page = page::read("docs/architecture.md");
    let named = places(&page).iter().filter(|(_, name)| name.is_some()).count();
    assert!(named >= 20, "docs/architecture.md names {named} functions with their files");
}

#[test]
fn places_and_definitions_are_found() {
    let text = "Read `server/shard.rs:turn`, `a.rs`, `b.rs: Ctx::end`, `src/**.rs`, `not rust` and `x`.";
    assert_eq!(places(text), [("server/shard.rs", Some("turn")), ("a.rs", None), ("b.rs", Some("Ctx::end"))]);
    let source = "pub(crate) fn turn(&mut self)\nenum Effect {\n    Send { to: ConnId },\n}\nimpl Owner {\n";
    for name in ["turn", "Effect::Send", "Effect", "Owner::turn"] {
        assert!(defines(source, name), "{name}");
    }
    for name in ["tur", "turns", "Effects", "Send::x", "self"] {
        assert!(!defines(source, name), "{name}");
    }
    let source = "use x;\n\nscripts! {\n    one: \"A> ping\";\n\n    /// It: so.\n    two: r#\"\n        t: done=1\"#;\n}\nstruct S {\n    three: u8,\n}\n";
    assert_eq!(tests_of_rows(source).collect::<Vec<_>>(), ["one", "two"]);
    assert!(defines(source, "two") && !defines(source, "tw") && !defines(source, "three"));
}
