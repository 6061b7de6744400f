//! `ping`: a barrier.

use crate::play::check_rows;
use crate::script::scripts;

scripts! {
    it_is_answered_by_pong: check_rows r#"
        {"cmd":"ping"}                    => {"cmd":"pong"}
        {"id":5,"cmd":"ping","arg":[]}    => {"cmd":"pong"}"#;

    refusals_come_in_the_order_of_their_lines: r#"
        A sends {"cmd":"ping"}\n{"cmd":"nope"}\n{"cmd":"do","id":1}\n{"cmd":"ping"}\n{"cmd":"did","id":2}\n{\n{"cmd":"ping"}\n
        A< pong
        A< error unknown_cmd
        A< did 1 bad_request
        A< pong
        A< error not_holding 2
        A< error bad_json
        A< pong"#;

    every_earlier_do_has_been_accepted_or_refused: r#"
        deputy --max-memory 1M
        A sends {"cmd":"do","id":1,"type":"t","arg":"<x*1000000>"}\n{"cmd":"do","id":2,"type":"t","arg":"<x*100000>"}\n{"cmd":"ping"}\n
        A< did 2 queue_full
        A< pong
        B> metrics
        B< metrics jobs_added 1, jobs_refused 1
        W> can_do t
        W< do 1 t "<x*1000000>"
        W> did 1
        A< did 1"#;
}
