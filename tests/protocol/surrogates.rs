//! Half a surrogate pair, as an escape: text like any other, but no type.

use crate::play::{check, check_rows};

/// Strings' insides with a half that stands alone.
const HALVES: [&str; 7] =
    [r"\ud800", r"\uDFFF", r"\ud83dx\ude00", r"\ude00\ud83d", r"\ud83d\ud83d", r"\ud83d\n\ude00", r"a\udbff"];

#[test]
fn f34_ids_and_values_with_half_a_pair_are_carried() {
    for half in HALVES {
        check(&format!(
            r#"W> can_do t
               A> do "{half}" t {{"{half}":["{half}"]}}
               W< do "{half}" t {{"{half}":["{half}"]}}
               W> did "{half}" res "{half}"
               A< did "{half}" res "{half}"
               A> do 2 t "{half}"
               W< do 2 t "{half}"
               W> did 2 err {{"{half}":1}}
               A< did 2 failed {{"{half}":1}}"#
        ));
    }
}

#[test]
fn f34_half_a_pair_is_itself_however_it_is_spelled_and_nothing_else() {
    check(
        r#"W> can_do t
           A> do "\uD83D" t
           W< do "\uD83D" t
           W> did "\ud83d\ude00"
           W< error not_holding "\ud83d\ude00"
           W> did "\ude00"
           W< error not_holding "\ude00"
           W> did "\ufffd"
           W< error not_holding "\ufffd"
           W> did "\ud83d"
           A< did "\uD83D""#,
    );
}

#[test]
fn f34_a_name_with_half_a_pair_is_legal_and_unknown_also_twice() {
    for half in HALVES {
        check_rows(&format!(
            r#"{{"{half}":1,"cmd":"ping","{half}":2}}          => pong
               {{"cmd{half}":"do","cmd":"ping"}}               => pong
               {{"cmd":"{half}"}}                              => error unknown_cmd
               {{"cmd":"ping{half}","id":"{half}"}}            => error unknown_cmd "{half}""#
        ));
    }
}

#[test]
fn f34_a_type_with_half_a_pair_is_none() {
    for half in HALVES {
        check_rows(&format!(
            r#"{{"cmd":"do","id":1,"type":"{half}"}}           => did 1 bad_request
               {{"cmd":"can_do","types":["t","{half}"]}}       => error bad_request
               {{"cmd":"cant_do","types":["{half}"],"id":2}}   => error bad_request 2
               {{"cmd":"metrics","types":["{half}"]}}          => error bad_request"#
        ));
    }
}
