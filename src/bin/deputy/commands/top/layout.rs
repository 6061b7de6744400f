//! The columns of the table of types, the order of its rows, and the size of each part of the screen. Pure.

use std::cmp::Ordering;
use std::time::Duration;

use deputy::client::TypeMetrics;

use crate::format::{age, count, rate};
use crate::server::{Quantiles, time_or_dash};

/// A column that rows can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Type,
    Waiting,
    Running,
    Workers,
    Free,
    Rate,
    Oldest,
    Longest,
    WaitP50,
    WaitP99,
    RunP50,
    RunP99,
}

/// All columns, from left to right.
pub(super) const COLUMNS: [Column; 12] = [
    Column::Type,
    Column::Waiting,
    Column::Running,
    Column::Workers,
    Column::Free,
    Column::Rate,
    Column::Oldest,
    Column::Longest,
    Column::WaitP50,
    Column::WaitP99,
    Column::RunP50,
    Column::RunP99,
];

/// The columns of [`Quantiles`], in their order.
const QUANTILES: [Column; 4] = [Column::WaitP50, Column::WaitP99, Column::RunP50, Column::RunP99];

impl Column {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Type => "TYPE",
            Self::Waiting => "WAITING",
            Self::Running => "RUNNING",
            Self::Workers => "WORKERS",
            Self::Free => "FREE",
            Self::Rate => "DONE/S",
            Self::Oldest => "OLDEST",
            Self::Longest => "LONGEST",
            Self::WaitP50 => "WAIT-P50",
            Self::WaitP99 => "WAIT-P99",
            Self::RunP50 => "RUN-P50",
            Self::RunP99 => "RUN-P99",
        }
    }

    /// Returns the column's number in a row; empty for the name.
    pub(super) fn number(self, row: &Row<'_>) -> String {
        match self {
            Self::Type => String::new(),
            Self::Waiting => count(row.numbers.waiting),
            Self::Running => count(row.numbers.running),
            Self::Workers => count(row.numbers.workers),
            Self::Free => count(row.numbers.free),
            Self::Rate => row.rate.map_or_else(|| "-".to_owned(), rate),
            Self::Oldest if row.numbers.waiting == 0 => "-".to_owned(),
            Self::Oldest => age(row.numbers.oldest_ms),
            Self::Longest if row.numbers.oldest_running_ms == 0 => "-".to_owned(),
            Self::Longest => age(row.numbers.oldest_running_ms),
            Self::WaitP50 | Self::WaitP99 | Self::RunP50 | Self::RunP99 => time_or_dash(self.quantile(row)),
        }
    }

    /// Returns the column that is `places` to the right; the first column follows the last.
    pub(super) fn next(self, places: usize) -> Self {
        let place = COLUMNS.iter().position(|column| *column == self).unwrap_or(0);
        COLUMNS[(place + places) % COLUMNS.len()]
    }

    /// Compares two rows: names from A to Z, numbers from the largest down.
    fn compare(self, a: &Row<'_>, b: &Row<'_>) -> Ordering {
        match self {
            Self::Type => a.numbers.name.cmp(&b.numbers.name),
            Self::Waiting => b.numbers.waiting.cmp(&a.numbers.waiting),
            Self::Running => b.numbers.running.cmp(&a.numbers.running),
            Self::Workers => b.numbers.workers.cmp(&a.numbers.workers),
            Self::Free => b.numbers.free.cmp(&a.numbers.free),
            Self::Rate => b.rate.unwrap_or(-1.0).total_cmp(&a.rate.unwrap_or(-1.0)),
            Self::Oldest => b.numbers.oldest_ms.cmp(&a.numbers.oldest_ms),
            Self::Longest => b.numbers.oldest_running_ms.cmp(&a.numbers.oldest_running_ms),
            Self::WaitP50 | Self::WaitP99 | Self::RunP50 | Self::RunP99 => self.quantile(b).cmp(&self.quantile(a)),
        }
    }

    /// Returns the quantile of a row that the column shows.
    fn quantile(self, row: &Row<'_>) -> Option<Duration> {
        let place = QUANTILES.iter().position(|column| *column == self)?;
        row.quantiles[place]
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    pub(super) numbers: &'a TypeMetrics,
    pub(super) rate: Option<f64>,
    pub(super) quantiles: Quantiles,
}

/// The order of the rows; by default the types with most waiting jobs come first.
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
    /// Returns the order by the column whose title begins with this word of the command line.
    pub(super) fn by(word: &str) -> Self {
        let word = word.to_uppercase();
        let column = COLUMNS.into_iter().find(|column| column.title().starts_with(&word));
        column.map_or_else(Self::default, |column| Self { column, reversed: false })
    }

    /// Sorts rows. Equal rows are ordered by their jobs and then by name, so that the order is stable.
    pub(super) fn sort(self, rows: &mut [Row<'_>]) {
        rows.sort_by(|a, b| {
            let chosen = self.column.compare(a, b);
            let chosen = if self.reversed { chosen.reverse() } else { chosen };
            let others = [Column::Waiting, Column::Running, Column::Type];
            others.iter().fold(chosen, |order, column| order.then_with(|| column.compare(a, b)))
        });
    }
}

/// Columns between two columns of the table.
pub(super) const GAP: usize = 2;
/// Columns of a name: the minimum, the minimum with a graph, and the maximum.
const NAME_MIN: usize = 10;
const NAME_FAIR: usize = 20;
const NAME_MAX: usize = 48;
/// Columns of a graph: the minimum, in which its heading fits, and the maximum.
const GRAPH_MIN: usize = 13;
const GRAPH_MAX: usize = 60;
/// The columns of numbers, the most important first.
const NEEDED: [Column; 6] =
    [Column::Waiting, Column::Oldest, Column::Workers, Column::Rate, Column::Running, Column::Longest];
/// The columns that are shown if the needed ones and a graph leave room, the most important first.
const WELCOME: [Column; 5] = [Column::Free, Column::WaitP99, Column::RunP99, Column::WaitP50, Column::RunP50];

/// Returns the needed columns and the optional ones. The column by which rows are sorted is needed.
fn priorities(sorted: Column) -> ([Column; 6], [Column; 5]) {
    let (mut needed, mut welcome) = (NEEDED, WELCOME);
    if let Some(column) = welcome.iter_mut().find(|column| **column == sorted) {
        std::mem::swap(column, &mut needed[5]);
    }
    (needed, welcome)
}

/// The widths of the parts of a row, in columns of the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Widths {
    pub(super) name: usize,
    /// The columns that fit, from left to right, each with the gap before it.
    pub(super) numbers: Vec<(Column, usize)>,
    /// The columns of the graph with the gap before it; 0 without a graph.
    pub(super) graph: usize,
}

impl Widths {
    /// Distributes the `columns` of the terminal. `widest_name` is the width of the widest name, and `sorted` the
    /// column by which rows are sorted. The last argument returns the width of the widest number of a column.
    pub(super) fn of(columns: usize, widest_name: usize, sorted: Column, widest: impl Fn(Column) -> usize) -> Self {
        let (needed, welcome) = priorities(sorted);
        let name_min = NAME_MIN.min(columns);
        let mut left = columns - name_min;
        let mut numbers = Vec::new();
        for column in needed {
            let width = widest(column) + GAP;
            if width > left {
                break;
            }
            left -= width;
            numbers.push((column, width));
        }
        let fair = widest_name.clamp(name_min, NAME_FAIR.max(name_min)) - name_min;
        let is_graph_possible = |left: usize| left >= fair + GAP + GRAPH_MIN;
        // A graph is more important than the last column of numbers, unless rows are sorted by this column.
        let is_narrow = numbers.len() == needed.len() && !needed.ends_with(&[sorted]) && !is_graph_possible(left);
        if is_narrow && let Some((_, width)) = numbers.pop_if(|(_, width)| is_graph_possible(left + *width)) {
            left += width;
        }
        let has_graph = numbers.len() + 1 >= needed.len() && is_graph_possible(left);
        let graph_min = if has_graph { GAP + GRAPH_MIN } else { 0 };
        for column in welcome {
            let width = widest(column) + GAP;
            if numbers.len() < needed.len() || left < width + graph_min + fair {
                break;
            }
            left -= width;
            numbers.push((column, width));
        }
        numbers.sort_unstable_by_key(|(column, _)| *column as usize);
        let name = widest_name.clamp(name_min, NAME_MAX.max(name_min)).min(name_min + left - graph_min);
        let graph = if graph_min > 0 { (left + name_min - name).min(GAP + GRAPH_MAX) } else { 0 };
        Self { name, numbers, graph }
    }
}

/// The heights of the parts, from the top. The rows take the lines that are left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heights {
    pub(super) title: u16,
    pub(super) notice: u16,
    pub(super) jobs: u16,
    pub(super) workers: u16,
    pub(super) graph: u16,
    pub(super) gap: u16,
    pub(super) heading: u16,
    pub(super) rows: u16,
    pub(super) keys: u16,
}

impl Heights {
    /// Distributes the `lines` of the terminal. A notice takes one line.
    pub(super) fn of(lines: u16, notice: bool) -> Self {
        let mut parts = Self::default();
        let mut left = lines;
        let mut take = |part: &mut u16, size: u16, least: u16| {
            // At least `least` lines must be left for more important parts.
            if left >= size + least {
                *part = size;
                left -= size;
            }
        };
        take(&mut parts.title, 1, 0);
        take(&mut parts.notice, u16::from(notice), 0);
        take(&mut parts.heading, 1, 1);
        take(&mut parts.jobs, 1, 2);
        take(&mut parts.workers, 1, 2);
        take(&mut parts.keys, 1, 2);
        take(&mut parts.gap, 1, 4);
        take(&mut parts.graph, 4, 10);
        parts.rows = left;
        parts
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::server::tests::row;

    #[test]
    fn rows_are_sorted_by_any_column_both_ways() {
        let types = [
            row("b", json!({ "waiting": 3, "running": 1, "workers": 1, "oldest_ms": 10 })),
            row("a", json!({ "waiting": 3, "running": 2, "workers": 0, "oldest_ms": 30 })),
            row(
                "d",
                json!({ "waiting": 0, "running": 9, "workers": 3, "free": 4, "oldest_ms": 0, "oldest_running_ms": 5 }),
            ),
            row("c", json!({ "waiting": 0, "running": 9, "workers": 2, "free": 5, "oldest_ms": 0 })),
        ];
        let rates = [Some(2.0), None, Some(0.5), Some(0.5)];
        let ms = |ms| Some(Duration::from_millis(ms));
        let times = [[ms(1), ms(9), None, None], [None; 4], [ms(2), ms(3), ms(1), ms(1)], [ms(2), ms(2), ms(1), ms(2)]];
        for (column, names, reversed) in [
            (Column::Type, "abcd", "dcba"),
            (Column::Waiting, "abcd", "cdab"),
            (Column::Running, "cdab", "bacd"),
            (Column::Workers, "dcba", "abcd"),
            (Column::Free, "cdab", "abdc"),
            (Column::Rate, "bcda", "acdb"),
            (Column::Oldest, "abcd", "cdba"),
            (Column::Longest, "dabc", "abcd"),
            (Column::WaitP50, "cdba", "abcd"),
            (Column::WaitP99, "bdca", "acdb"),
            (Column::RunP50, "cdab", "abcd"),
            (Column::RunP99, "cdab", "abdc"),
        ] {
            let sorted = |reversed| {
                let rows = types.iter().zip(rates).zip(times);
                let mut rows: Vec<_> =
                    rows.map(|((numbers, rate), quantiles)| Row { numbers, rate, quantiles }).collect();
                Sort { column, reversed }.sort(&mut rows);
                rows.iter().map(|row| row.numbers.name.as_str()).collect::<String>()
            };
            assert_eq!((sorted(false).as_str(), sorted(true).as_str()), (names, reversed), "{column:?}");
        }
    }

    #[test]
    fn the_last_column_is_followed_by_the_first() {
        assert_eq!(Column::RunP99.next(1), Column::Type);
        assert_eq!(Column::Type.next(COLUMNS.len() - 1), Column::RunP99);
    }

    #[test]
    fn numbers_come_before_names_and_names_before_graphs() {
        let widest = |column| if matches!(column, Column::Oldest | Column::Longest) { 10 } else { 8 };
        for (columns, name, expected, numbers, graph) in [
            (0, 9, 0, "", 0),
            (5, 30, 5, "", 0),
            (19, 30, 19, "", 0),
            (20, 30, 10, "Waiting", 0),
            (32, 30, 10, "Waiting Oldest", 0),
            (62, 30, 10, "Waiting Running Workers Rate Oldest", 0),
            (73, 30, 21, "Waiting Running Workers Rate Oldest", 0),
            (86, 30, 22, "Waiting Running Workers Rate Oldest Longest", 0),
            (87, 30, 20, "Waiting Running Workers Rate Oldest", 15),
            (80, 9, 10, "Waiting Running Workers Rate Oldest", 18),
            (100, 30, 21, "Waiting Running Workers Rate Oldest Longest", 15),
            (110, 30, 21, "Waiting Running Workers Free Rate Oldest Longest", 15),
            (120, 30, 21, "Waiting Running Workers Free Rate Oldest Longest WaitP99", 15),
            (155, 30, 26, "Waiting Running Workers Free Rate Oldest Longest WaitP50 WaitP99 RunP50 RunP99", 15),
            (300, 90, 48, "Waiting Running Workers Free Rate Oldest Longest WaitP50 WaitP99 RunP50 RunP99", 62),
        ] {
            let widths = Widths::of(columns, name, Column::Waiting, widest);
            let names: Vec<_> = widths.numbers.iter().map(|(column, _)| format!("{column:?}")).collect();
            assert_eq!((widths.name, names.join(" ").as_str(), widths.graph), (expected, numbers, graph), "{columns}");
        }
        for columns in 0..200 {
            for name in [0, 9, 100] {
                let widths = Widths::of(columns, name, Column::Waiting, widest);
                let sum = widths.name + widths.graph + widths.numbers.iter().map(|(_, width)| width).sum::<usize>();
                assert!(sum <= columns, "{sum} of {columns}");
            }
        }
    }

    #[test]
    fn the_column_that_rows_are_sorted_by_is_shown() {
        for sorted in COLUMNS.into_iter().filter(|column| *column != Column::Type) {
            let widths = Widths::of(80, 9, sorted, |_| 8);
            assert!(widths.numbers.iter().any(|(column, _)| *column == sorted), "{sorted:?}");
        }
    }

    #[test]
    fn the_most_important_parts_come_first() {
        let lines = |parts: Heights| {
            let Heights { title, notice, jobs, workers, graph, gap, heading, rows, keys } = parts;
            [title, notice, jobs, workers, graph, gap, heading, rows, keys]
        };
        for (height, notice, expected) in [
            (0, true, [0, 0, 0, 0, 0, 0, 0, 0, 0]),
            (1, true, [1, 0, 0, 0, 0, 0, 0, 0, 0]),
            (2, true, [1, 1, 0, 0, 0, 0, 0, 0, 0]),
            (2, false, [1, 0, 0, 0, 0, 0, 0, 1, 0]),
            (3, false, [1, 0, 0, 0, 0, 0, 1, 1, 0]),
            (5, false, [1, 0, 1, 0, 0, 0, 1, 2, 0]),
            (7, false, [1, 0, 1, 1, 0, 0, 1, 2, 1]),
            (10, true, [1, 1, 1, 1, 0, 0, 1, 4, 1]),
            (24, false, [1, 0, 1, 1, 4, 1, 1, 14, 1]),
        ] {
            let parts = lines(Heights::of(height, notice));
            assert_eq!(parts, expected, "{height}");
        }
        for height in 0..200 {
            for notice in [false, true] {
                assert_eq!(lines(Heights::of(height, notice)).iter().sum::<u16>(), height);
            }
        }
    }
}
