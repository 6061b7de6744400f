//! Arithmetic of figures for people.

/// A count as a figure: shown with three digits or so.
#[expect(clippy::cast_precision_loss, reason = "figures are shown with three digits or so")]
pub(crate) fn approximate(count: u64) -> f64 {
    count as f64
}

/// The middle one, or the mean of the two in the middle; `None` of none.
pub(crate) fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.len() % 2 == 1 {
        figures.get(middle).copied()
    } else {
        Some(f64::midpoint(*figures.get(middle.checked_sub(1)?)?, figures[middle]))
    }
}
