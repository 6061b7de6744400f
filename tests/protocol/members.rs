//! Names and their members: order, unknown ones, doubled ones, escapes; `cmd`; and what is checked first.

use crate::play::{check, check_rows};
use crate::script::scripts;

/// The known names but `cmd` and `id`.
const NAMES: [&str; 25] = [
    "type", "types", "arg", "res", "err", "code", "max_jobs", "job", "priority", "delay_ms", "deadline_ms",
    "run_limit_ms", "attempts", "cancellable", "progress", "key", "need_worker", "background", "durable", "wait_ms",
    "data", "histograms", "shards", "ref", "spare",
];

scripts! {
    members_stand_in_any_order: r#"
        W> {"types":["t"],"cmd":"can_do"}
        A> {"arg":[1],"type":"t","id":"a","cmd":"do"}
        W< do a t [1]
        W> {"res":2,"id":"a","cmd":"did"}
        A< did a res 2"#;

    unknown_members_are_ignored_whatever_they_are: check_rows r#"
        {"cmd":"ping","x":null}                    => pong
        {"x":{"cmd":"do"},"cmd":"ping"}            => pong
        {"cmd":"ping","":0,"CMD":1,"Cmd":2}        => pong
        {"cmd":"ping","x":1,"x":2,"x":[]}          => pong
        {"cmd":"ping","__proto__":{"a":1}}         => pong
        {"cmd":"ping","cmd ":1," cmd":2}           => pong
        {"cmd":"ping","\ud800":1,"\ud800":2}       => pong
        {"cmd":"ping","\udc00\ud800":[1e999]}      => pong
        {"cmd":"ping","cmd\u0000":1}               => pong
        {"cmd":"ping","x":"\ud800"}                => pong"#;
}

#[test]
fn f32_known_members_that_a_command_does_not_use_may_be_of_any_kind() {
    for name in NAMES.into_iter().chain(["id"]) {
        let values = ["null", "true", "5", "-1.5e9", r#""x""#, "[]", "{}", r#"{"a":[1]}"#, r#""\ud800""#];
        check_rows(&values.map(|value| format!(r#"{{"cmd":"ping","{name}":{value}}} => pong"#)).join("\n"));
    }
    check(
        r#"W> {"cmd":"can_do","types":["t"],"id":null,"type":7,"arg":[],"res":1,"err":2,"code":{},"job":"x"}
           A> {"cmd":"do","id":1,"type":"t","res":[],"err":null,"code":5,"max_jobs":"many","job":-1,"types":{}}
           W< do 1 t
           W> {"cmd":"did","id":1,"type":[],"arg":0,"code":0,"max_jobs":0,"types":"x"}
           A< did 1
           W> {"cmd":"cant_do","types":["t"],"id":[],"max_jobs":0}
           A> {"cmd":"metrics","id":{},"type":0,"job":null,"max_jobs":[]}
           A< metrics workers 0"#,
    );
}

#[test]
fn f29_a_known_member_given_twice_is_a_bad_request() {
    for name in NAMES {
        check_rows(&format!(
            r#"{{"cmd":"ping","{name}":1,"{name}":1}}              => error bad_request
               {{"{name}":null,"id":"x","cmd":"ping","{name}":[]}} => error bad_request x
               {{"cmd":"nope","{name}":1,"{name}":2}}              => error bad_request
               {{"{name}":1,"{name}":2}}                           => error bad_request"#
        ));
    }
}

#[test]
fn f29_a_do_with_a_doubled_member_is_answered_by_did() {
    let row = |name| format!(r#"{{"cmd":"do","id":"x","type":"t","{name}":1,"{name}":1}} => did x bad_request"#);
    check_rows(&NAMES.map(row).join("\n"));
    check_rows(r#"{"cmd":"do","id":"x","type":"t","type":"t"} => did x bad_request"#);
}

scripts! {
    f29_a_doubled_id_counts_as_unreadable: check_rows r#"
        {"cmd":"do","id":1,"id":1,"type":"t"}              => error bad_request
        {"cmd":"do","id":1,"type":"t","id":2}              => error bad_request
        {"cmd":"do","id":1,"type":"t","id":null}           => error bad_request
        {"cmd":"do","id":1,"id":1,"type":"t","type":"t"}   => error bad_request
        {"cmd":"did","id":1,"id":1}                        => error bad_request
        {"cmd":"ping","id":1,"id":1}                       => error bad_request"#;

    f29_a_doubled_cmd_is_answered_by_error: check_rows r#"
        {"cmd":"do","cmd":"do","id":1,"type":"t"}          => error bad_request 1
        {"cmd":"do","id":"x","type":"t","cmd":"ping"}      => error bad_request x
        {"cmd":"ping","cmd":"do","id":1,"type":"t"}        => error bad_request 1
        {"cmd":5,"cmd":"do","id":1,"type":"t"}             => error bad_request 1
        {"cmd":"ping","cmd":"ping"}                        => error bad_request"#;
}

#[test]
fn escapes_are_honoured_in_names_and_in_cmd() {
    check(
        r#"W> {"c\u006dd":"c\u0061n_do","\u0074ypes":["t"]}
           A> {"cmd":"\u0064o","i\u0064":"x","\u0074\u0079\u0070\u0065":"t","ar\u0067":1}
           W< do x t 1
           W> {"cmd":"di\u0064","id":"x","\u0072es":2}
           A< did x res 2"#,
    );
    check_rows(
        r#"{"cmd":"\u0070\u0069\u006e\u0067"}                 => pong
           {"cmd":"do","id":1,"i\u0064":1,"type":"t"}         => error bad_request
           {"cmd":"do","id":1,"type":"t","\u0074ype":"t"}     => did 1 bad_request
           {"cmd":"ping","\u0063md":"ping"}                   => error bad_request
           {"cmd":"ping","job":1,"\u006Aob":1}                => error bad_request
           {"cmd":"pin\u0047"}                                => error unknown_cmd
           {"cmd":"\u0070ing\u0000"}                          => error unknown_cmd"#,
    );
}

scripts! {
    a_cmd_that_is_none_of_the_commands_is_unknown: check_rows r#"
        {"cmd":"nope"}                                     => error unknown_cmd
        {"cmd":""}                                         => error unknown_cmd
        {"cmd":"Ping"}                                     => error unknown_cmd
        {"cmd":"ping "}                                    => error unknown_cmd
        {"cmd":"do\u0000"}                                 => error unknown_cmd
        {"cmd":"\ud800"}                                   => error unknown_cmd
        {"cmd":"pong"}                                     => error unknown_cmd
        {"cmd":"error"}                                    => error unknown_cmd
        {"cmd":"store","id":1,"job":1}                     => error unknown_cmd 1
        {"cmd":"doo","id":"x","type":"t"}                  => error unknown_cmd x
        {"cmd":"nope","id":-0.50}                          => error unknown_cmd -0.50
        {"cmd":"nope","id":null}                           => error unknown_cmd
        {"cmd":"nope","id":["x"]}                          => error unknown_cmd"#;

    a_cmd_that_is_missing_or_no_string_is_a_bad_request: check_rows r#"
        {}                                                 => error bad_request
        {"id":"x","type":"t"}                              => error bad_request x
        {"cmd":null}                                       => error bad_request
        {"cmd":5,"id":5}                                   => error bad_request 5
        {"cmd":["ping"]}                                   => error bad_request
        {"cmd":{"cmd":"ping"}}                             => error bad_request
        {"cmd":true,"id":{}}                               => error bad_request"#;

    doubled_members_are_checked_before_cmd_and_cmd_before_the_rest: check_rows r#"
        {"cmd":"nope","x":1,"arg":1,"arg":1}               => error bad_request
        {"cmd":"nope","types":5,"max_jobs":"x"}            => error unknown_cmd
        {"cmd":"nope","id":1,"job":-1,"type":""}           => error unknown_cmd 1
        {"cmd":"did","id":1,"res":1,"err":1,"err":1}       => error bad_request 1"#;

    an_error_is_three_members_and_the_id_where_there_is_one: check_rows r#"
        {"cmd":"nope"}          => {"cmd":"error","code":"unknown_cmd","error":"…"}
        {"cmd":"nope","id":"\u0061"} => {"cmd":"error","code":"unknown_cmd","error":"…","id":"\u0061"}
        {"cmd":"did","id":1}    => {"cmd":"error","code":"not_holding","error":"…","id":1}
        {"cmd":                 => {"cmd":"error","code":"bad_json","error":"…"}
        {"cmd":"do"}            => {"cmd":"error","code":"bad_request","error":"…"}
        {"cmd":"do","id":1}     => {"cmd":"did","id":1,"err":"…","code":"bad_request"}"#;
}
