//! How many jobs a worker holds at once, over all its types.

use crate::script::scripts;

scripts! {
    one_slot_serves_all_types: r#"
        W> can_do a b c
        A> do 1 a
        W< do 1 a
        A> do 2 b
        W quiet
        W> did 1
        A< did 1
        W< do 2 b
        A> do 3 c
        W quiet
        W> did 2
        A< did 2
        W< do 3 c
        W> did 3
        A< did 3"#;

    slots_are_shared_by_types_and_never_exceeded: r#"
        W> can_do a b max_jobs 3
        A> do 1 a; do 2 b; do 3 a
        W< do 1 a $a; do 2 b $b; do 3 a $c
        A> do 4 b
        W quiet
        W> did $a
        A< did 1
        W< do 4 b $d
        A> do 5 a
        W quiet
        W> did $b
        A< did 2
        W< do 5 a $e
        W quiet"#;

    a_slot_that_falls_free_is_used_once: r#"
        V> can_do t
        W> can_do t
        A> do 1 t; do 2 t; do 3 t
        V< do 1 t
        W< do 2 t
        V> did 1
        A< did 1
        V< do 3 t
        V> did 1
        V< error not_holding 1
        A> do 4 t
        V quiet
        W quiet
        W> did 2
        A< did 2
        W< do 4 t"#;

    sixty_thousand_slots_are_a_number_like_any_other: r#"
        W> can_do t max_jobs 65535
        A> do 1 t
        W< do 1 t $a
        W> can_do u max_jobs 65535
        A> do 2 u
        W< do 2 u $b
        W> can_do max_jobs 1
        A> do 3 t
        W quiet"#;
}
