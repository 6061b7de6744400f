//! Ids and values come out as the text that went in.

use crate::play::check;

const VALUES: [&str; 35] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-0.0",
    "1e400",
    "1e999",
    "-1E+400",
    "1e-400",
    "2.50",
    "100E-2",
    "9007199254740993",
    "-18446744073709551617",
    "<7*400>",
    "-<9*400>e-400",
    "0.<3*400>",
    r#""""#,
    r#""a""#,
    r#""\u0061""#,
    r#""\/\b\f\n\r\t\"\\""#,
    r#""\u0000""#,
    r#""\ud800""#,
    r#""\udc00\ud800""#,
    r#""\ud83d\ude00 😀 é \u00e9 \u00E9""#,
    "\"\u{7f}\u{85}\u{2028}\u{2029}\u{feff}\u{fffd}\u{10ffff}\"",
    r#""  spaces  ""#,
    "[]",
    "[ ]",
    "[ 1 ,\t2 ]",
    "{}",
    r#"{"b":1,"a":2}"#,
    r#"{"a":1,"a":2,"a":{"a":3}}"#,
    r#"{ "a" : [ { } , "x" ] }"#,
    r#"{"cmd":"do","id":9,"type":"t","res":"}{"}"#,
];

#[test]
fn f31_args_results_and_errors_are_never_re_encoded() {
    for value in VALUES {
        check(&format!(
            r#"W> can_do t
               A> do 1 t {value}
               W< {{"cmd":"do","id":1,"type":"t","arg":{value}}}
               W> did 1 res {value}
               A< {{"cmd":"did","id":1,"res":{value}}}
               A> do 2 t
               W< do 2 t
               W> did 2 err {value}
               A< {{"cmd":"did","id":2,"err":{value},"code":"failed"}}"#
        ));
    }
}

#[test]
fn f31_ids_are_never_re_encoded() {
    for id in VALUES
        .iter()
        .filter(|value| value.starts_with(['"', '-']) || value.contains(|c: char| c.is_ascii_digit()))
        .filter(|value| !value.starts_with(['[', '{']))
    {
        check(&format!(
            r#"W> can_do t
               A> {{"cmd":"do","id":{id},"type":"t"}}
               W< {{"cmd":"do","id":{id},"type":"t"}}
               W> {{"cmd":"did","id":{id}}}
               A< {{"cmd":"did","id":{id}}}
               A> {{"cmd":"nope","id":{id}}}
               A< {{"cmd":"error","code":"unknown_cmd","error":"…","id":{id}}}
               A> {{"cmd":"do","id":{id}}}
               A< {{"cmd":"did","id":{id},"err":"…","code":"bad_request"}}"#
        ));
    }
}

#[test]
fn the_white_space_around_a_value_is_dropped() {
    check(
        r#"W> can_do t
           A sends { "cmd" : "do" ,\t"id" :  "a b"\t, "type"\t: "t" , "arg" : \t[ 1 ]  }  \r\n
           W< {"cmd":"do","id":"a b","type":"t","arg":[ 1 ]}
           W sends {"cmd":"did","id":"a b","res":\t{ "x" :1 } }\n
           A< {"cmd":"did","id":"a b","res":{ "x" :1 }}"#,
    );
    check(
        r#"W> can_do t max_jobs 1
           A> { "cmd" : "do" , "id" : 1 , "type" : "t" , "arg" :  2  }
           W< {"cmd":"do","id":1,"type":"t","job":$a,"arg":2}
           W> {"cmd":"did","job": $a ,"err":  3 }
           A< {"cmd":"did","id":1,"err":3,"code":"failed"}"#,
    );
}
