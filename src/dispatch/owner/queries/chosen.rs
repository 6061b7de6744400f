//! The table of all types for a metrics query: chooses its rows, and encodes them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::scan::Work;
use crate::limits::TYPE_ROWS_MAX;
use crate::metrics::{Figures, OtherTypes, TypeRow};
use crate::protocol::carried::LongText;
use crate::protocol::tables::TypesText;

/// The order of rows: those with the most jobs first, equal ones by name.
type Rank = (Reverse<u64>, Arc<str>);

/// The chosen rows: of the types in use, those with the most jobs. A table with histograms has all types with their own
/// figures in addition.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) histograms: bool,
    rows: BTreeMap<Rank, TypeRow>,
    fullest: BTreeMap<Rank, TypeRow>,
    /// All types without figures of their own.
    others: OtherTypes,
    /// The text so far, once rows are encoded.
    text: Option<TypesText>,
}

impl Chosen {
    pub(super) fn new(histograms: bool) -> Self {
        let (rows, fullest) = (BTreeMap::new(), BTreeMap::new());
        Self { histograms, rows, fullest, others: OtherTypes::default(), text: None }
    }

    /// Adds a type to the table, or to the sum of the others, or to both.
    pub(super) fn consider(&mut self, name: &Arc<str>, row: &TypeRow) {
        let rank = (Reverse(row.waiting + row.running), Arc::clone(name));
        if self.histograms {
            if row.figures.is_some() {
                self.rows.insert(rank, row.clone());
                return;
            }
            self.others.sum.add(row.clone());
            self.others.in_use += u64::from(row.is_in_use());
        }
        let is_full = self.fullest.len() >= TYPE_ROWS_MAX;
        if !row.is_in_use() || is_full && self.fullest.last_key_value().is_some_and(|(last, _)| *last < rank) {
            return;
        }
        if is_full {
            self.fullest.pop_last();
        }
        self.fullest.insert(rank, TypeRow { figures: None, ..row.clone() });
    }

    /// Encodes the next row. Returns its cost; `None` if all were encoded. `other` are the figures of the types without
    /// their own.
    pub(super) fn encode_row(&mut self, other: &Figures) -> Option<u32> {
        let Some(text) = &mut self.text else {
            self.others.sum.figures = Some(Box::new(*other));
            self.text = Some(TypesText::new(self.histograms.then_some(&self.others)));
            self.rows.append(&mut self.fullest);
            return Some(Work::ROW * 4);
        };
        let ((_, name), row) = self.rows.pop_first()?;
        text.push(&name, &row);
        Some(if row.figures.is_some() { Work::ROW * 4 } else { Work::ROW })
    }

    /// Returns the text of the table, with the members before it.
    pub(super) fn finish(self) -> LongText {
        self.text.unwrap_or_else(|| TypesText::new(None)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consider(chosen: &mut Chosen, name: &str, waiting: u64, figures: bool) {
        let figures = figures.then(Box::default);
        chosen.consider(&name.into(), &TypeRow { waiting, figures, ..TypeRow::default() });
    }

    fn last(chosen: &Chosen) -> (usize, Option<&str>) {
        (chosen.fullest.len(), chosen.fullest.last_key_value().map(|((_, name), _)| &**name))
    }

    #[test]
    fn a_full_table_takes_what_is_before_its_last_row_and_nothing_else() {
        let mut chosen = Chosen::new(false);
        for nth in 0..=TYPE_ROWS_MAX {
            consider(&mut chosen, &format!("t{nth:04}"), 1, false);
        }
        assert_eq!(last(&chosen), (TYPE_ROWS_MAX, Some("t0999")));
        consider(&mut chosen, "z", 2, false);
        assert_eq!(last(&chosen), (TYPE_ROWS_MAX, Some("t0998")));
    }

    /// Another query of the same gathering may have asked for the figures.
    #[test]
    fn only_a_table_with_histograms_holds_figures_and_its_rows_cost_more() {
        for (histograms, cost) in [(false, Work::ROW), (true, Work::ROW * 4)] {
            let mut chosen = Chosen::new(histograms);
            consider(&mut chosen, "t", 1, true);
            let held = chosen.rows.values().chain(chosen.fullest.values()).filter(|row| row.figures.is_some()).count();
            assert_eq!(held, usize::from(histograms));
            let costs: Vec<u32> = std::iter::from_fn(|| chosen.encode_row(&Figures::default())).collect();
            assert_eq!(costs, [Work::ROW * 4, cost]);
        }
    }
}
