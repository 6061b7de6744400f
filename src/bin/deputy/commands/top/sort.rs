//! The columns of the table, and the order of its rows. Pure.

use std::cmp::Ordering;

use deputy::client::TypeMetrics;

use crate::format::{age, count, rate};

/// A column that rows can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Type,
    Waiting,
    Running,
    Workers,
    Rate,
    Oldest,
}

/// From left to right.
pub(super) const COLUMNS: [Column; 6] =
    [Column::Type, Column::Waiting, Column::Running, Column::Workers, Column::Rate, Column::Oldest];

impl Column {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Type => "TYPE",
            Self::Waiting => "WAITING",
            Self::Running => "RUNNING",
            Self::Workers => "WORKERS",
            Self::Rate => "DONE/S",
            Self::Oldest => "OLDEST",
        }
    }

    /// Its figure in a row; empty for the name.
    pub(super) fn figure(self, row: &Row<'_>) -> String {
        match self {
            Self::Type => String::new(),
            Self::Waiting => count(row.figures.waiting),
            Self::Running => count(row.figures.running),
            Self::Workers => count(row.figures.workers),
            Self::Rate => row.rate.map_or_else(|| "-".to_owned(), rate),
            Self::Oldest if row.figures.waiting == 0 => "-".to_owned(),
            Self::Oldest => age(row.figures.oldest_ms),
        }
    }

    /// Its neighbour so many places to the right, or left; round the ends.
    pub(super) fn next(self, places: usize) -> Self {
        let place = COLUMNS.iter().position(|column| *column == self).unwrap_or(0);
        COLUMNS[(place + places) % COLUMNS.len()]
    }

    /// Names from A to Z, figures from the largest on.
    fn compare(self, a: &Row<'_>, b: &Row<'_>) -> Ordering {
        match self {
            Self::Type => a.figures.name.cmp(&b.figures.name),
            Self::Waiting => b.figures.waiting.cmp(&a.figures.waiting),
            Self::Running => b.figures.running.cmp(&a.figures.running),
            Self::Workers => b.figures.workers.cmp(&a.figures.workers),
            Self::Rate => b.rate.unwrap_or(-1.0).total_cmp(&a.rate.unwrap_or(-1.0)),
            Self::Oldest => b.figures.oldest_ms.cmp(&a.figures.oldest_ms),
        }
    }
}

/// A type as the table has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) figures: &'a TypeMetrics,
    pub(super) rate: Option<f64>,
}

/// The order that was chosen: at first the fullest types come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sort {
    pub(super) column: Column,
    pub(super) reversed: bool,
}

impl Default for Sort {
    fn default() -> Self {
        Self { column: Column::Waiting, reversed: false }
    }
}

impl Sort {
    /// By the column whose title begins with this word, as the command line has it.
    pub(super) fn by(word: &str) -> Self {
        let word = word.to_uppercase();
        let column = COLUMNS.into_iter().find(|column| column.title().starts_with(&word));
        column.map_or_else(Self::default, |column| Self { column, reversed: false })
    }

    /// Sorts rows. Where they are equal the fuller comes first, and then the first by name, so that none jumps about.
    pub(super) fn sort(self, rows: &mut [Row<'_>]) {
        rows.sort_by(|a, b| {
            let chosen = self.column.compare(a, b);
            let chosen = if self.reversed { chosen.reverse() } else { chosen };
            let others = [Column::Waiting, Column::Running, Column::Type];
            others.iter().fold(chosen, |order, column| order.then_with(|| column.compare(a, b)))
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::commands::health::tests::row;

    #[test]
    fn rows_are_sorted_by_any_column_both_ways() {
        let types = [
            row("b", json!({ "waiting": 3, "running": 1, "workers": 1, "oldest_ms": 10 })),
            row("a", json!({ "waiting": 3, "running": 2, "workers": 0, "oldest_ms": 30 })),
            row("d", json!({ "waiting": 0, "running": 9, "workers": 3, "oldest_ms": 0 })),
            row("c", json!({ "waiting": 0, "running": 9, "workers": 2, "oldest_ms": 0 })),
        ];
        let rates = [Some(2.0), None, Some(0.5), Some(0.5)];
        for (column, names, reversed) in [
            (Column::Type, "abcd", "dcba"),
            (Column::Waiting, "abcd", "cdab"),
            (Column::Running, "cdab", "bacd"),
            (Column::Workers, "dcba", "abcd"),
            (Column::Rate, "bcda", "acdb"),
            (Column::Oldest, "abcd", "cdba"),
        ] {
            let sorted = |reversed| {
                let mut rows: Vec<_> = types.iter().zip(rates).map(|(figures, rate)| Row { figures, rate }).collect();
                Sort { column, reversed }.sort(&mut rows);
                rows.iter().map(|row| row.figures.name.as_str()).collect::<String>()
            };
            assert_eq!((sorted(false).as_str(), sorted(true).as_str()), (names, reversed), "{column:?}");
        }
    }

    #[test]
    fn columns_go_round() {
        assert_eq!(Column::Oldest.next(1), Column::Type);
        assert_eq!(Column::Type.next(COLUMNS.len() - 1), Column::Oldest);
    }
}
