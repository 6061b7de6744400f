//! Which parts fit a terminal, and how large each is. Pure.

use super::sort::Column;

/// Columns between two columns of the table.
pub(super) const GAP: usize = 2;
/// Columns of a name: at least, before there is a graph, and at best.
const NAME_MIN: usize = 10;
const NAME_FAIR: usize = 20;
const NAME_MAX: usize = 48;
/// Columns of a graph, at least and at most: its heading fits.
const GRAPH_MIN: usize = 13;
const GRAPH_MAX: usize = 60;
/// Columns of figures, the one that is needed most first.
const NEEDED: [Column; 5] = [Column::Waiting, Column::Oldest, Column::Workers, Column::Rate, Column::Running];

/// Lines of the parts, from above; each is there or not, but the rows take what is left.
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
    /// For so many lines. A notice is a line more.
    pub(super) fn of(lines: u16, notice: bool) -> Self {
        let mut parts = Self::default();
        let mut left = lines;
        let mut take = |part: &mut u16, size: u16, least: u16| {
            // `least` lines must be left for what is more important.
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

/// Columns of the parts of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Widths {
    pub(super) name: usize,
    /// Those that fit, from left to right, with the gap before each.
    pub(super) figures: Vec<(Column, usize)>,
    /// With the gap before it; 0 if there is none.
    pub(super) graph: usize,
}

impl Widths {
    /// For so many columns, of which the widest name and the widest figure of each column would take so many.
    pub(super) fn of(columns: usize, widest_name: usize, widest: impl Fn(Column) -> usize) -> Self {
        let name_min = NAME_MIN.min(columns);
        let mut left = columns - name_min;
        let mut figures = Vec::new();
        for column in NEEDED {
            let width = widest(column) + GAP;
            if width > left {
                break;
            }
            left -= width;
            figures.push((column, width));
        }
        figures.sort_unstable_by_key(|(column, _)| *column as usize);
        let fair = widest_name.clamp(name_min, NAME_FAIR.max(name_min)) - name_min;
        let has_graph = figures.len() == NEEDED.len() && left >= fair + GAP + GRAPH_MIN;
        let graph_min = if has_graph { GAP + GRAPH_MIN } else { 0 };
        let name = widest_name.clamp(name_min, NAME_MAX.max(name_min)).min(name_min + left - graph_min);
        let graph = if graph_min > 0 { (left + name_min - name).min(GAP + GRAPH_MAX) } else { 0 };
        Self { name, figures, graph }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_most_comes_first() {
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

    #[test]
    fn figures_go_before_names_and_names_before_graphs() {
        let widest = |column| if column == Column::Oldest { 10 } else { 8 };
        for (columns, name, expected, figures, graph) in [
            (0, 9, 0, "", 0),
            (5, 30, 5, "", 0),
            (19, 30, 19, "", 0),
            (20, 30, 10, "Waiting", 0),
            (32, 30, 10, "Waiting Oldest", 0),
            (62, 30, 10, "Waiting Running Workers Rate Oldest", 0),
            (73, 30, 21, "Waiting Running Workers Rate Oldest", 0),
            (86, 30, 30, "Waiting Running Workers Rate Oldest", 0),
            (87, 30, 20, "Waiting Running Workers Rate Oldest", 15),
            (80, 9, 10, "Waiting Running Workers Rate Oldest", 18),
            (100, 30, 30, "Waiting Running Workers Rate Oldest", 18),
            (300, 90, 48, "Waiting Running Workers Rate Oldest", 62),
        ] {
            let widths = Widths::of(columns, name, widest);
            let names: Vec<_> = widths.figures.iter().map(|(column, _)| format!("{column:?}")).collect();
            assert_eq!((widths.name, names.join(" ").as_str(), widths.graph), (expected, figures, graph), "{columns}");
        }
        for columns in 0..200 {
            for name in [0, 9, 100] {
                let widths = Widths::of(columns, name, widest);
                let sum = widths.name + widths.graph + widths.figures.iter().map(|(_, width)| width).sum::<usize>();
                assert!(sum <= columns, "{sum} of {columns}");
            }
        }
    }
}
