//! Tables in Markdown.

use std::fmt;

use crate::harness::figure::approximate;

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    columns: usize,
}

impl Table {
    /// Returns a table without rows.
    pub(crate) fn new(heads: &[&str]) -> Self {
        Self { rows: vec![heads.iter().map(|&head| head.to_owned()).collect()], columns: heads.len() }
    }

    /// Adds a row, which has one cell per heading.
    pub(crate) fn add(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.columns, "a row has one cell per heading");
        self.rows.push(cells);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, row) in self.rows.iter().enumerate() {
            writeln!(f, "| {} |", row.join(" | "))?;
            if at == 0 {
                writeln!(f, "|{}", "---|".repeat(self.columns))?;
            }
        }
        Ok(())
    }
}

/// Returns the ratio of two counts.
pub(crate) fn ratio(part: u64, whole: u64) -> f64 {
    approximate(part) / approximate(whole)
}
