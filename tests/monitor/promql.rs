//! Which metrics and labels an expression of Prometheus names. It does not check the syntax: `promtool` does.

/// A metric in an expression, with its matchers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Selector {
    pub(crate) metric: String,
    /// Label, operator, and value without its quotes and escapes.
    pub(crate) matchers: Vec<[String; 3]>,
}

/// What an expression names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) selectors: Vec<Selector>,
    /// The labels behind `by`, `without`, `on` and the like.
    pub(crate) grouped: Vec<String>,
}

/// Words that are followed by a list of labels.
const GROUPING: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
/// Words that are no metrics. Functions are recognized by their bracket.
const WORDS: [&str; 12] =
    ["and", "or", "unless", "bool", "offset", "sum", "min", "max", "avg", "count", "topk", "bottomk"];

/// Returns what an expression names, in its order.
pub(crate) fn names(expression: &str) -> Names {
    let mut names = Names::default();
    let mut rest = Rest(expression);
    while !rest.0.is_empty() {
        let word = rest.word();
        if word.is_empty() {
            rest.skip_other();
        } else if GROUPING.contains(&word) {
            names.grouped.extend(rest.labels());
        } else if !WORDS.contains(&word) && !rest.begins('(') {
            names.selectors.push(Selector { metric: word.to_owned(), matchers: rest.matchers() });
        }
    }
    names
}

/// The part of an expression that is not read yet.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Takes a word that could be the name of a metric, or nothing.
    fn word(&mut self) -> &'a str {
        self.skip_space();
        let of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        if self.0.starts_with(|c: char| c.is_ascii_digit()) {
            return "";
        }
        let end = self.0.find(|c| !of_a_name(c)).unwrap_or(self.0.len());
        self.take(end)
    }

    /// Takes a number, a duration in brackets, or one character.
    fn skip_other(&mut self) {
        let end = match self.0.chars().next() {
            Some('[') => self.0.find(']').map_or(self.0.len(), |at| at + 1),
            Some(c) if c.is_ascii_digit() => {
                self.0.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(self.0.len())
            }
            other => other.map_or(0, char::len_utf8),
        };
        self.take(end);
    }

    /// Takes a list of labels in round brackets, if there is one.
    fn labels(&mut self) -> Vec<String> {
        if !self.begins('(') {
            return Vec::new();
        }
        let end = self.0.find(')').expect("the list of labels ends");
        let list = self.take(end);
        list[1..].split(',').map(|label| label.trim().to_owned()).filter(|label| !label.is_empty()).collect()
    }

    /// Takes matchers in braces, if there are any.
    fn matchers(&mut self) -> Vec<[String; 3]> {
        let mut matchers = Vec::new();
        if !self.begins('{') {
            return matchers;
        }
        self.take(1);
        loop {
            let label = self.word().to_owned();
            if label.is_empty() {
                let closing = self.take(1);
                assert_eq!(closing, "}", "matchers end before {:?}", self.0);
                return matchers;
            }
            let operator = self.take(self.0.find('"').expect("a value has quotes")).trim().to_owned();
            matchers.push([label, operator, self.quoted()]);
            if self.begins(',') {
                self.take(1);
            }
        }
    }

    /// Takes a string in double quotes.
    fn quoted(&mut self) -> String {
        let mut value = String::new();
        let mut chars = self.0.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.take(at + 1);
                    return value;
                }
                '\\' => value.push(chars.next().expect("an escape has a character").1),
                c => value.push(c),
            }
        }
        panic!("a string does not end: {}", self.0);
    }

    fn begins(&mut self, c: char) -> bool {
        self.skip_space();
        self.0.starts_with(c)
    }

    fn skip_space(&mut self) {
        self.0 = self.0.trim_start();
    }

    fn take(&mut self, end: usize) -> &'a str {
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }
}

#[test]
fn metrics_and_labels_of_an_expression_are_found() {
    let of = |expression| {
        let Names { selectors, grouped } = names(expression);
        let selectors = selectors.iter().map(|selector| {
            let matchers = selector.matchers.iter().map(|matcher| matcher.concat()).collect::<Vec<_>>();
            format!("{}{{{}}}", selector.metric, matchers.join(","))
        });
        (selectors.collect::<Vec<_>>().join(" "), grouped.join(" "))
    };
    let texts = |selectors: &str, grouped: &str| (selectors.to_owned(), grouped.to_owned());
    assert_eq!(of("up"), texts("up{}", ""));
    assert_eq!(of(r#"a{b="c", d!~"e|f\"}" ,} > 0.5e3"#), texts(r#"a{b=c,d!~e|f"}}"#, ""));
    assert_eq!(of("sum by (x, y) (rate(a_total[5m])) / b:c{} > 4"), texts("a_total{} b:c{}", "x y"));
    assert_eq!(of("max(a) without (x) and on() b offset 1d or 4 * topk(3, c)"), texts("a{} b{} c{}", "x"));
    assert_eq!(of("quantile_over_time(0.5, r[1d:5m]) >= bool 0"), texts("r{}", ""));
}
