//! The longest line, its end not counted.

use crate::play::check;
use crate::script::scripts;

#[test]
fn f21_a_line_of_the_limit_passes_and_one_more_byte_does_not() {
    for end in [r"\n", r"\r\n"] {
        check(&format!(
            r#"deputy --max-line 64
               A sends {{"cmd":"ping","x":"<x*43>"}}{end}
               A< pong
               A sends {{"cmd":"ping","x":"<x*42>"}}{end}
               A< pong
               A sends {{"cmd":"ping","x":"<x*44>"}}{end}
               A< error too_long
               A closed explained"#
        ));
    }
}

scripts! {
    white_space_counts: r#"
        deputy --max-line 64
        A sends {"cmd":"ping"}< *50>\n
        A< pong
        A sends {"cmd":"ping"}< *51>\n
        A< error too_long
        A closed explained"#;

    f21_a_line_that_does_not_end_is_too_long_as_soon_as_it_is: r#"
        deputy --max-line 64
        A sends {"cmd":"ping","x":"<x*45>
        A quiet
        A sends x
        A< error too_long
        A closed explained"#;

    a_cr_after_the_last_byte_may_belong_to_the_end: r#"
        deputy --max-line 64
        A sends {"cmd":"ping","x":"<x*43>"}\r
        A quiet
        A sends \n
        A< pong"#;
}

#[test]
fn f21_the_tail_of_a_line_that_is_too_long_is_never_read_as_commands() {
    check(
        r#"deputy --max-line 64
           W> can_do t
           A> ping
           A< pong
           A sends {"cmd":"ping","x":"<x*60>
           A< error too_long
           A closed explained
           A sends "}\n{"cmd":"do","id":1,"type":"t"}\n
           W quiet"#,
    );
    check(
        r#"deputy --max-line 64
           W> can_do t
           A sends {"cmd":"ping","x":"<x*60>"}\n{"cmd":"do","id":1,"type":"t"}\n
           A< error too_long
           A closed explained
           W quiet"#,
    );
}

scripts! {
    size_is_checked_before_json: r#"
        deputy --max-line 64
        A> ping
        A< pong
        A sends [<\xff*64>\n
        A< error too_long
        A closed explained"#;

    it_never_carries_an_id: r#"
        deputy --max-line 64
        A sends {"cmd":"do","id":1,"type":"t","arg":"<x*40>"}\n
        A< {"cmd":"error","code":"too_long","error":"…"}
        A closed explained"#;

    lines_before_it_are_obeyed: r#"
        deputy --max-line 64
        A sends {"cmd":"ping"}\n{"cmd":"ping"}\n{<x*64>\n
        A< pong
        A< pong
        A< error too_long
        A closed explained"#;

    large_values_pass_by_default: r#"
        W> can_do t
        A> do 1 t "<0123456789abcdef*65536>"
        W< do 1 t "<0123456789abcdef*65536>"
        W> did 1 res ["<0123456789abcdef*65536>"]
        A< did 1 res ["<0123456789abcdef*65536>"]"#;

    what_the_connection_held_is_given_back: r#"
        deputy --max-line 64
        W> can_do t
        A> do 1 t
        W< do 1 t
        W sends <x*65>
        W< error too_long
        W closed explained
        V> can_do t
        V< do 1 t
        V> did 1
        A< did 1"#;
}
