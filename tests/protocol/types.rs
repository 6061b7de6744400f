//! Types are compared unescaped, and forwarded with the shortest escapes.

use crate::play::check;

#[test]
fn a_type_is_the_same_however_it_is_escaped() {
    for (name, same) in [
        ("resize", r"\u0072esi\u007ae"),
        ("é", r"\u00e9"),
        ("é", r"\u00E9"),
        ("€", r"\u20ac"),
        ("😀", r"\ud83d\ude00"),
        ("/", r"\/"),
        (r"\n", r"\u000a"),
        (r"\t", r"\u0009"),
        (r"\b", r"\u0008"),
        (r"\f", r"\u000C"),
        (r"\r", r"\u000d"),
        (r#"\""#, r"\u0022"),
        (r"\\", r"\u005c"),
        (r"\u0000", r"\u0000"),
        (r"\u0001", r"\u0001"),
        ("\u{7f}", r"\u007f"),
        ("\u{2028}", r"\u2028"),
        ("\u{ffff}", r"\uFFFF"),
        ("a b", r"a\u0020b"),
    ] {
        for (worker, submitter) in [(name, same), (same, name), (same, same), (name, name)] {
            check(&format!(
                r#"W> {{"cmd":"can_do","types":["{worker}"]}}
                   A> {{"cmd":"do","id":1,"type":"{submitter}"}}
                   W< {{"cmd":"do","id":1,"type":"{name}"}}
                   W> did 1
                   A< did 1
                   W> {{"cmd":"cant_do","types":["{submitter}"]}}
                   A> {{"cmd":"do","id":2,"type":"{worker}"}}
                   W quiet
                   A> {{"cmd":"metrics","types":["{submitter}"]}}
                   A< {{"cmd":"metrics",$*"types":{{"{name}":{{"waiting":1,"running":0,"workers":0,"done":0,"oldest_ms":$_,$*}}}}}}}}"#
            ));
        }
    }
}

#[test]
fn types_that_only_look_alike_differ() {
    for (one, other) in [("t", "T"), ("t", "t "), ("e\u{301}", "é"), ("t", r"t\u0000"), ("1", "1.0"), ("a", r"\\u0061")]
    {
        check(&format!(
            r#"W> {{"cmd":"can_do","types":["{one}"]}}
               A> {{"cmd":"do","id":1,"type":"{other}"}}
               W quiet
               V> {{"cmd":"can_do","types":["{other}"]}}
               V< {{"cmd":"do","id":1,"type":"{other}"}}
               V> did 1
               A< did 1"#
        ));
    }
}

#[test]
fn f33_names_that_other_languages_treat_specially_are_types() {
    for name in ["__proto__", "constructor", "toString", "null", "true", "0", "-1", "cmd", "{}", "[]", ":", ",", "'"] {
        check(&format!(
            r#"W> {{"cmd":"can_do","types":["{name}"]}}
               A> {{"cmd":"do","id":1,"type":"{name}"}}
               W< {{"cmd":"do","id":1,"type":"{name}"}}
               W> did 1
               A< did 1"#
        ));
    }
}
