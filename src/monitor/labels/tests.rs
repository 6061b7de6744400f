use std::collections::HashMap;

use super::*;
use crate::client::Outcomes;

#[test]
fn the_first_types_have_a_label_for_good() {
    let mut labels = Labels::new(2);
    assert!(labels.has("a") && labels.has("b"));
    assert!(!labels.has("c"));
    assert!(labels.has("a") && labels.has("b") && !labels.has("c"));
    assert!(!Labels::new(0).has("a"));
}

#[test]
fn a_type_with_the_name_of_the_sum_has_none() {
    let mut labels = Labels::new(9);
    assert!(!labels.has("_other") && labels.has("other") && labels.has("\0"));
}

fn row(name: &str, done: u64) -> TypeMetrics {
    let mut row =
        TypeMetrics { name: name.to_owned(), has_figures: true, waiting: 1, workers: 2, ..TypeMetrics::default() };
    row.outcomes = Outcomes::default();
    row.outcomes.done = done;
    for _ in 0..done {
        row.wait.record(done);
        row.run.record(2 * done);
    }
    row
}

#[test]
fn types_without_a_label_are_summed_up_each_once() {
    let without_figures = TypeMetrics { has_figures: false, ..row("idle", 0) };
    let metrics = Metrics {
        types: vec![row("b", 1), row("a", 2), row("_other", 3), row("c", 4), without_figures],
        // The row counts "idle", and a job of a type without figures of its own.
        other_types: row("", 5),
        ..Metrics::default()
    };
    let mut labels = Labels::new(2);
    let by_type = labels.divide(&metrics);
    let shown: Vec<_> =
        by_type.rows().map(|(name, row)| (name, row.outcomes.done, row.wait.count(), row.waiting)).collect();
    assert_eq!(shown, [("a", 2, 2, 1), ("b", 1, 1, 1), ("_other", 12, 12, 3)]);
    assert_eq!(by_type.other.run.sum_us, 2 * (9 + 16 + 25));
}

/// Types come and go at random, with more of them than labels: no counter of any label ever decreases.
#[test]
fn no_series_ever_decreases() {
    use bolero::{TypeGenerator, check, produce};

    #[derive(Clone, Copy, Debug, TypeGenerator)]
    struct Step {
        /// Which type has jobs done.
        #[generator(0..12_u8)]
        name: u8,
        #[generator(0..4_u8)]
        done: u8,
        /// Which types have figures of their own, if they had none before.
        has_figures: bool,
        /// How many types have a row at all: the busiest.
        #[generator(0..16_u8)]
        rows: u8,
    }

    check!().with_generator(produce::<Vec<Step>>()).for_each(|steps: &Vec<Step>| {
        let names = ["a", "b", "_other", "d\0", "e", "f", "g", "h", "i", "j", "k", "l"];
        let mut labels = Labels::new(4);
        let mut own: HashMap<&str, TypeMetrics> = HashMap::new();
        let (mut without, mut other) = (Vec::new(), row("", 0));
        let mut shown: HashMap<String, [u64; 3]> = HashMap::new();
        for step in steps {
            let name = names[usize::from(step.name)];
            let more = row(name, step.done.into());
            if own.contains_key(name) || step.has_figures && !without.contains(&name) {
                add(own.entry(name).or_insert_with(|| row(name, 0)), &more);
            } else {
                without.push(name);
                add(&mut other, &more);
            }
            let mut types: Vec<TypeMetrics> = own.values().cloned().collect();
            // Types without figures of their own have a row while the table has room.
            types.extend(
                without.iter().take(step.rows.into()).map(|name| TypeMetrics { has_figures: false, ..row(name, 9) }),
            );
            types.sort_unstable_by_key(|row| std::cmp::Reverse(row.waiting));
            let metrics = Metrics { types, other_types: other.clone(), ..Metrics::default() };
            let by_type = labels.divide(&metrics);
            let mut all = 0;
            for (name, row) in by_type.rows() {
                let now = [row.outcomes.done, row.wait.count(), row.run.sum_us];
                let before = shown.insert(name.to_owned(), now).unwrap_or_default();
                assert!(before.iter().zip(now).all(|(before, now)| *before <= now), "{name}: {before:?}, then {now:?}");
                all += now[0];
            }
            let expected: u64 = own.values().map(|row| row.outcomes.done).sum::<u64>() + other.outcomes.done;
            assert_eq!(all, expected, "each job is in one series");
            assert_eq!(shown.len(), by_type.labelled.len() + 1, "no series goes");
        }
    });
}
