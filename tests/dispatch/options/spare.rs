//! Spare workers: they get a job only while no ordinary worker may take it.

use crate::script::scripts;

scripts! {
    a_spare_worker_gets_what_ordinary_ones_have_no_slot_for: r#"
        S> can_do t max_jobs 2 with spare
        W> can_do t
        A> do 1 t
        W< do 1 t
        S quiet
        A> do 2 t
        S< do 2 t $a
        W> did 1
        A< did 1
        # It holds one job of two, but an ordinary worker has a slot again.
        A> do 3 t
        W< do 3 t
        A> do 4 t
        S< do 4 t $b
        # Nobody has a slot. The first to free one gets the job, of whichever class.
        A> do 5 t; do 6 t
        S> did $a
        A< did 2
        S< do 5 t $c
        W> did 3
        A< did 3
        W< do 6 t"#;

    alone_it_does_all_jobs: r#"
        A> do 1 t
        S> can_do t with spare
        S< do 1 t
        A> do 2 t
        S> did 1
        A< did 1
        S< do 2 t"#;

    an_ordinary_worker_that_comes_is_preferred_from_then_on: r#"
        S> can_do t max_jobs 9 with spare
        A> do 1 t
        S< do 1 t $a
        W> can_do t
        A> do 2 t
        W< do 2 t
        W> cant_do t
        W> did 2
        A< did 2
        A> do 3 t
        S< do 3 t $b"#;

    one_connection_may_be_ordinary_for_one_type_and_spare_for_another: r#"
        X> can_do a
        X> can_do b with spare
        Y> can_do b
        Y> can_do a with spare
        A> do 1 a
        X< do 1 a
        A> do 2 b
        Y< do 2 b
        X> did 1
        A< did 1
        A> do 3 b
        X< do 3 b
        Y> did 2
        A< did 2
        A> do 4 a
        Y< do 4 a"#;

    need_worker_counts_spare_workers_too: r#"
        A> do 1 t with need_worker
        A< did 1 no_worker
        S> can_do t with spare
        A> do 2 t with need_worker
        S< do 2 t
        A> do 3 t with need_worker
        W> can_do t
        W< do 3 t
        S> cant_do t
        A> do 4 t with need_worker
        W> cant_do t
        A> do 5 t with need_worker
        A< did 5 no_worker"#;

    a_paused_ordinary_worker_may_take_nothing: r#"
        S> can_do t with spare
        W> can_do t
        B> can_do big
        W> do x big
        B< do x big
        W stops reading
        B> did x res "<x*1100000>"
        A> do 1 t
        S< do 1 t
        W reads on
        W< {"cmd":"did","id":"x","res":"…"}
        A> do 2 t
        W< do 2 t"#;

    a_suspect_goes_to_a_spare_worker_if_each_ordinary_one_holds_another: r#"
        W> can_do t max_jobs 9
        A> do 1 t; do 2 t
        W< do 1 t $a; do 2 t $b
        W gone
        V> can_do t max_jobs 9
        V< do 1 t $c
        V quiet
        S> can_do t max_jobs 9 with spare
        S< do 2 t $d
        # A job that is none goes to the ordinary worker although that holds a suspect.
        A> do 3 t
        V< do 3 t $e
        S quiet"#;

    metrics_by_type_add_up_both_classes: r#"
        S> can_do t max_jobs 2 with spare
        W> can_do t
        A> do 1 t
        W< do 1 t
        A> do 2 t
        S< do 2 t $a
        A> metrics
        A< metrics workers 2, workers_added 2, workers_idle 0, jobs_running 2
        A> {"cmd":"metrics","types":["t"]}
        A< metrics types {"t":{"waiting":0,"running":2,"workers":2,"done":0,"free":0,"spare_workers":1}}
        S> did $a
        A< did 2
        A> {"cmd":"metrics","types":true}
        A< metrics types {"t":{"waiting":0,"running":1,"workers":2,"done":1,"free":0,"spare_workers":1}}
        # Free are the slots of ordinary workers only.
        W> did 1
        A< did 1
        A> {"cmd":"metrics","types":["t"]}
        A< metrics types {"t":{"workers":2,"free":1}}
        A> {"cmd":"metrics","types":true}
        A< metrics types {"t":{"workers":2,"free":1}}"#;

    a_worker_of_both_classes_that_is_lost_counts_once: r#"
        W> can_do t max_jobs 2 with spare
        A> do 1 t
        W< do 1 t $a
        W> cant_do t
        W> can_do t
        A> do 2 t
        W< do 2 t $b
        W leaves
        A> {"cmd":"metrics","types":["t"]}
        A< metrics types {"t":{"waiting":2,"workers":0,"lost":1}}"#;

    /// What a spare worker takes it may pass on, and it must not come back.
    a_job_with_wait_ms_is_not_for_spare_workers: r#"
        S> can_do t max_jobs 9 with spare
        A> do 1 t with wait_ms 0
        A< did 1 no_worker
        A> do 2 t with wait_ms 1000; do 3 t
        # It was behind the one before, which waits on.
        S< do 3 t $a
        W> can_do t
        W< do 2 t
        A> do 4 t with wait_ms 0
        A< did 4 no_worker
        A> do 5 t with wait_ms 500
        at 500
        A< did 5 no_worker
        S quiet"#;

    an_ordinary_worker_takes_jobs_with_wait_ms_among_the_others_in_their_order: r#"
        A> do 1 t; do 2 t with wait_ms 1000; do 3 t; do 4 t with wait_ms 1000, priority 1
        A> do 5 t with priority 1
        W> can_do t
        W< do 4 t
        W> did 4
        A< did 4
        W< do 5 t
        W> did 5
        A< did 5
        W< do 1 t
        S> can_do t with spare
        S< do 3 t
        W> did 1
        A< did 1
        W< do 2 t"#;

    /// Both jobs of the lost worker wait for another one. A spare worker takes the second.
    a_job_with_wait_ms_that_comes_back_is_not_for_spare_workers: r#"
        W> can_do t max_jobs 2
        A> do 1 t with wait_ms 1000; do 2 t
        W< do 1 t $a; do 2 t $b
        S> can_do t with spare
        W gone
        S< do 2 t
        at 500
        V> can_do t
        V< do 1 t
        V gone
        A quiet
        at 1000
        A< did 1 no_worker"#;

    /// The spare worker pulls for its type when it is free again.
    a_spare_worker_pulls_no_job_with_wait_ms: r#"
        S> can_do t u with spare
        A> do 1 u
        S< do 1 u
        A> do 2 t; do 3 t with wait_ms 1000, priority 9
        S> did 1
        A< did 1
        S< do 2 t
        S> did 2
        A< did 2
        S quiet
        W> can_do t
        W< do 3 t"#;

    /// A spare worker with `ref` passes jobs on. Its loss counts no attempt, and makes no job wait for another one.
    a_lost_worker_that_passes_jobs_on_has_not_run_them: r#"
        B> {"cmd":"can_do","types":["t"],"max_jobs":9,"spare":true,"ref":true}
        A> do 1 t
        B< {"cmd":"do","id":1,"type":"t","job":$a,"ref":"$_.0"}
        A> do 2 t
        B< {"cmd":"do","id":2,"type":"t","job":$b,"ref":"$_.1"}
        A> do 3 t with attempts 1
        B< {"cmd":"do","id":3,"type":"t","job":$c,"ref":"$_.2"}
        B leaves
        # It may run where it was passed on to.
        A< did 3 gave_up
        C> {"cmd":"can_do","types":["t"],"max_jobs":9,"spare":true,"ref":true}
        C< {"cmd":"do","id":1,"type":"t","job":$d,"ref":"$_.0"}
        C< {"cmd":"do","id":2,"type":"t","job":$e,"ref":"$_.1"}
        C> did $e
        A< did 2
        # Alone, and again and again.
        C leaves
        D> {"cmd":"can_do","types":["t"],"max_jobs":9,"spare":true,"ref":true}
        D< {"cmd":"do","id":1,"type":"t","job":$f,"ref":"$_.0"}
        D leaves
        E> {"cmd":"can_do","types":["t"],"max_jobs":9,"spare":true,"ref":true}
        E< {"cmd":"do","id":1,"type":"t","job":$g,"ref":"$_.0"}
        E leaves
        # A spare worker without it runs jobs, and so does an ordinary one with it.
        F> {"cmd":"can_do","types":["t"],"max_jobs":9,"spare":true}
        F< {"cmd":"do","id":1,"type":"t","job":$h}
        F leaves
        G> {"cmd":"can_do","types":["t"],"max_jobs":9,"ref":true}
        G< {"cmd":"do","id":1,"type":"t","job":$i,"attempt":2,"ref":"$_.0"}
        G leaves
        H> {"cmd":"can_do","types":["t"],"max_jobs":9,"ref":true}
        H< {"cmd":"do","id":1,"type":"t","job":$j,"attempt":3,"ref":"$_.0"}"#;
}
