use super::*;
use crate::client::Outcomes;

/// The simulated answers of a server over time.
struct Life {
    timeline: Timeline,
    start: Instant,
}

impl Life {
    fn new() -> Self {
        Self { timeline: Timeline::default(), start: Instant::now() }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    fn full(&mut self, ms: u64, metrics: Metrics) -> View {
        let sample = Sample { metrics: Ok(metrics), full: Some(Ok(())), took: Duration::from_millis(1) };
        self.timeline.add(sample, self.at(ms), ms, false)
    }

    fn totals(&mut self, ms: u64, metrics: Metrics) -> View {
        let sample = Sample { metrics: Ok(metrics), full: None, took: Duration::ZERO };
        self.timeline.add(sample, self.at(ms), ms, true)
    }

    fn without_types(&mut self, ms: u64, reason: &str) -> View {
        let sample = Sample { metrics: Ok(jobs(0)), full: Some(Err(reason.to_owned())), took: Duration::ZERO };
        self.timeline.add(sample, self.at(ms), ms, false)
    }

    fn silent(&mut self, ms: u64, reason: &str) -> View {
        let sample = Sample { metrics: Err(reason.to_owned()), full: None, took: Duration::ZERO };
        self.timeline.add(sample, self.at(ms), ms, true)
    }
}

/// Metrics with one type that has had jobs done.
fn jobs(done: u64) -> Metrics {
    let mut row = TypeMetrics { name: "a".to_owned(), has_figures: true, ..TypeMetrics::default() };
    row.outcomes = Outcomes::default();
    row.outcomes.done = done;
    let raw = format!("{{\"up_since\":1,\"jobs_done\":{done},\"later\":[1],\"types\":{{}},\"shards\":[]}}");
    Metrics { up_since: 1, jobs_done: done, types: vec![row], raw, ..Metrics::default() }
}

fn with_shards(busy_us: &[u64]) -> Metrics {
    let shards = busy_us.iter().map(|us| ShardMetrics { busy_us: *us, ..ShardMetrics::default() }).collect();
    Metrics { shards, ..jobs(0) }
}

fn done_of(older: Option<&Older>) -> Option<(u64, u128)> {
    older.map(|older| (older.full.row("a").unwrap().outcomes.done, older.age.as_millis()))
}

#[test]
fn figures_are_fresh_for_half_a_second() {
    let mut life = Life::new();
    let view = life.full(100, jobs(1));
    assert!(view.is_fresh(life.at(599)) && !view.is_fresh(life.at(600)));
    assert!(!View::default().is_fresh(life.at(0)));
    let later = life.totals(700, jobs(2));
    assert!(!later.is_fresh(life.at(700)), "totals do not make figures by type fresh");
    assert!(later.number > view.number);
    assert_eq!((later.totals.jobs_done, later.full.unwrap().metrics.jobs_done), (2, 1));
}

#[test]
fn figures_that_take_long_are_asked_for_less_often() {
    let mut life = Life::new();
    for (took, fresh_ms) in [(10, 500), (100, 2_000), (1_500, 5_000)] {
        let sample = Sample { metrics: Ok(jobs(1)), full: Some(Ok(())), took: Duration::from_millis(took) };
        let view = life.timeline.add(sample, life.start, 0, false);
        assert!(view.is_fresh(life.at(fresh_ms - 1)) && !view.is_fresh(life.at(fresh_ms)), "{took}");
    }
}

#[test]
fn quantiles_cover_one_to_two_minutes() {
    let mut life = Life::new();
    let base = |view: &View| done_of(view.window_base.as_ref());
    assert_eq!(base(&life.full(0, jobs(1))), Some((1, 0)));
    assert_eq!(base(&life.full(59_000, jobs(2))), Some((1, 59_000)));
    assert_eq!(base(&life.full(60_000, jobs(3))), Some((1, 60_000)));
    assert_eq!(base(&life.full(119_000, jobs(4))), Some((1, 119_000)));
    assert_eq!(base(&life.full(120_000, jobs(5))), Some((3, 60_000)));
    assert_eq!(base(&life.full(180_000, jobs(6))), Some((5, 60_000)));
}

#[test]
fn rates_cover_the_last_seconds() {
    let mut life = Life::new();
    assert_eq!(done_of(life.full(0, jobs(1)).rate_base.as_ref()), None);
    assert_eq!(done_of(life.full(500, jobs(2)).rate_base.as_ref()), None);
    assert_eq!(done_of(life.full(2_500, jobs(3)).rate_base.as_ref()), Some((1, 2_500)));
}

#[test]
fn a_shard_is_busy_for_a_share_of_the_last_seconds() {
    let mut life = Life::new();
    let mut shares = |ms, busy: &[u64]| {
        let view = life.totals(ms, with_shards(busy));
        view.shards.iter().map(|(_, share)| *share).collect::<Vec<_>>()
    };
    assert_eq!(shares(0, &[0, 7]), [0.0, 0.0]);
    assert_eq!(shares(2_000, &[740_000, 9_000_000]), [0.37, 1.0]);
    assert_eq!(shares(4_000, &[740_000, 9_000_000]), [0.0, 0.0]);
}

#[test]
fn what_is_missing_is_named_until_it_is_there_again() {
    let mut life = Life::new();
    assert_eq!(life.full(0, jobs(1)).error, None);
    let view = life.without_types(1_000, "a shard hangs");
    assert!(view.full.is_none() && view.is_up(life.at(1_000)));
    assert_eq!(view.error.as_deref(), Some("a shard hangs"));
    assert_eq!(life.totals(2_000, jobs(1)).error.as_deref(), Some("a shard hangs"), "totals do not say otherwise");
    let view = life.full(3_000, jobs(2));
    assert_eq!((view.error, view.full.is_some()), (None, true));
}

#[test]
fn a_server_that_does_not_answer_is_down_after_five_seconds() {
    let mut life = Life::new();
    assert!(!View::default().is_up(life.at(0)));
    life.full(0, jobs(1));
    let view = life.silent(4_000, "refused");
    assert_eq!((view.is_up(life.at(5_000)), view.is_up(life.at(5_001))), (true, false));
    assert_eq!(view.health(life.at(5_000)).unhealthy, None);
    assert_eq!(view.health(life.at(9_000)).unhealthy.as_deref(), Some("no answer for 9 s: refused"));
    assert_eq!(view.totals.jobs_done, 1, "the last totals are kept");
}

#[test]
fn another_life_of_a_server_begins_anew() {
    let mut life = Life::new();
    life.totals(0, jobs(1));
    life.totals(2_000, jobs(2));
    let old = life.full(60_000, jobs(100));
    let new = life.full(62_000, Metrics { up_since: 2, ..jobs(1) });
    assert!(new.number > old.number);
    assert_eq!((done_of(new.window_base.as_ref()), done_of(new.rate_base.as_ref())), (Some((1, 0)), None));
}

#[test]
fn totals_keep_members_of_later_versions_and_lose_the_tables() {
    let view = Life::new().full(0, jobs(7));
    assert_eq!(&*view.totals_json, r#"{"jobs_done":7,"later":[1],"up_since":1}"#);
}
