//! When two ids are the same: how a `did` may spell the id of the job that it names.

use crate::play::check;

fn same(job: &str, answer: &str) {
    check(&format!(
        r#"W> can_do t
           A> {{"cmd":"do","id":{job},"type":"t"}}
           W< {{"cmd":"do","id":{job},"type":"t"}}
           W> {{"cmd":"did","id":{answer},"res":1}}
           A< {{"cmd":"did","id":{job},"res":1}}"#
    ));
}

fn different(job: &str, answer: &str) {
    check(&format!(
        r#"W> can_do t
           A> {{"cmd":"do","id":{job},"type":"t"}}
           W< {{"cmd":"do","id":{job},"type":"t"}}
           W> {{"cmd":"did","id":{answer},"res":1}}
           W< {{"cmd":"error","code":"not_holding","error":"…","id":{answer}}}
           A quiet
           W> {{"cmd":"did","id":{job},"res":2}}
           A< {{"cmd":"did","id":{job},"res":2}}"#
    ));
}

#[test]
fn the_same_text_is_the_same_id() {
    for id in ["0", "-0", "1e400", "<9*400>", "1E400", "2.50", r#""""#, r#""\u0061""#, r#""\/""#] {
        same(id, id);
    }
}

#[test]
fn numbers_of_the_same_double_value_are_the_same_id() {
    for (one, other) in [
        ("1", "1.0"),
        ("1", "1e0"),
        ("1", "10E-1"),
        ("100", "1e+2"),
        ("2.50", "2.5"),
        ("0", "-0"),
        ("0", "0.0"),
        ("-0", "0e5"),
        ("-0.0", "-0"),
        ("0", "1e-400"),
        ("0.1", "0.10000000000000001"),
        ("9007199254740993", "9007199254740992"),
        ("123456789012345678901234567890", "1.2345678901234567890123456789e29"),
        ("1.7976931348623157e308", "17976931348623157<0*292>"),
        ("5e-324", "4.9e-324"),
    ] {
        same(one, other);
        same(other, one);
    }
}

#[test]
fn numbers_of_different_values_differ() {
    for (one, other) in
        [("1", "-1"), ("1", "1.0000000000000003"), ("9007199254740992", "9007199254740994"), ("0", "5e-324")]
    {
        different(one, other);
        different(other, one);
    }
}

#[test]
fn a_number_too_large_for_a_double_equals_only_its_own_text() {
    for (one, other) in [
        ("1e400", "1E400"),
        ("1e400", "1e401"),
        ("1e400", "10e399"),
        ("1e400", "-1e400"),
        ("1e309", "1.0e309"),
        ("1e400", "1.7976931348623157e308"),
        ("<9*400>", "<9*401>"),
    ] {
        different(one, other);
        different(other, one);
    }
}

#[test]
fn the_same_string_after_unescaping_is_the_same_id() {
    for (one, other) in [
        ("a", r"\u0061"),
        ("é", r"\u00e9"),
        (r"\u00E9", r"\u00e9"),
        ("😀", r"\ud83d\ude00"),
        ("/", r"\/"),
        (r"\n", r"\u000A"),
        (r#"\""#, r"\u0022"),
        (r"\\u0061", r"\u005cu0061"),
        (r"\u0000", r"\u0000"),
    ] {
        same(&format!("\"{one}\""), &format!("\"{other}\""));
        same(&format!("\"{other}\""), &format!("\"{one}\""));
    }
}

#[test]
fn strings_that_only_look_alike_differ() {
    for (one, other) in [("a", "A"), ("a", "a "), ("", " "), ("1", "1.0"), (r"\\u0061", "a"), ("e\u{301}", "é")] {
        different(&format!("\"{one}\""), &format!("\"{other}\""));
    }
}

#[test]
fn a_number_and_a_string_differ() {
    for number in ["1", "-0", "1e400"] {
        different(number, &format!("\"{number}\""));
        different(&format!("\"{number}\""), number);
    }
}

#[test]
fn a_client_is_given_its_own_text_back() {
    check(
        r#"W> can_do t max_jobs 3
           A> {"cmd":"do","id":1.0,"type":"t"}
           A> {"cmd":"do","id":1,"type":"t"}
           A> {"cmd":"do","id":"\u0031","type":"t"}
           W< {"cmd":"do","id":1.0,"type":"t","job":$a}
           W< {"cmd":"do","id":1,"type":"t","job":$b}
           W< {"cmd":"do","id":"\u0031","type":"t","job":$c}
           W> did $b
           A< {"cmd":"did","id":1}
           W> did $c err 0
           A< {"cmd":"did","id":"\u0031","err":0,"code":"failed"}
           W> did $a
           A< {"cmd":"did","id":1.0}"#,
    );
}
