//! `cant_do`: no more jobs of these types.

use crate::script::scripts;

scripts! {
    it_gets_no_more_jobs_of_these_types: r#"
        W> can_do a b
        W> cant_do a
        A> do 1 a
        W quiet
        A> do 2 b
        W< do 2 b
        W> did 2
        A< did 2
        W quiet
        V> can_do a
        V< do 1 a"#;

    jobs_that_it_holds_stay_its_own: r#"
        W> can_do t max_jobs 2
        A> do 1 t; do 2 t; do 3 t
        W< do 1 t $a; do 2 t $b
        W> cant_do t
        V> can_do t
        V< do 3 t
        W> did $a res "late"
        A< did 1 res "late"
        W quiet
        W> did $b err "no"
        A< did 2 failed "no"
        W> did $b
        W< error not_holding"#;

    jobs_that_it_held_are_given_back_when_it_goes: r#"
        W> can_do t
        A> do 1 t
        W< do 1 t
        W> cant_do t
        W gone
        V> can_do t
        V< do 1 t
        V> did 1
        A< did 1"#;

    types_that_it_never_gave_are_ignored: r#"
        W> cant_do x y
        W> can_do t
        W> cant_do x t y x
        W> cant_do t
        W> {"cmd":"cant_do","types":[]}
        W quiet
        A> metrics
        A< metrics workers 0, workers_added 1, protocol_errors 0
        A> do 1 t
        W quiet"#;

    one_bad_element_refuses_the_whole_line: r#"
        W> can_do a b
        W> {"cmd":"cant_do","types":["a",""]}
        W< error bad_request
        A> do 1 a
        W< do 1 a"#;

    it_may_be_given_again: r#"
        W> can_do t
        W> cant_do t
        A> do 1 t
        W quiet
        W> can_do t
        W< do 1 t
        W> cant_do t
        W> can_do t
        A> do 2 t
        W quiet
        W> did 1
        A< did 1
        W< do 2 t"#;

    max_jobs_stays: r#"
        W> can_do t max_jobs 2
        W> cant_do t
        W> can_do u
        A> do 1 u; do 2 u; do 3 u
        W< do 1 u $a; do 2 u $b
        W quiet"#;

    no_job_of_a_withdrawn_type_comes_after_the_pong: r#"
        W sends {"cmd":"can_do","types":["t"]}\n{"cmd":"cant_do","types":["t"]}\n{"cmd":"ping"}\n
        W< pong
        A> do 1 t
        W quiet"#;
}
