//! Arithmetic of figures for people.

/// Returns a count as a floating-point figure, of which about three digits are shown.
#[expect(clippy::cast_precision_loss, reason = "figures are shown with about three digits")]
pub(crate) fn approximate(count: u64) -> f64 {
    count as f64
}

/// Returns the middle figure, or the mean of the two in the middle; `None` without figures.
pub(crate) fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    if figures.len() % 2 == 1 {
        figures.get(middle).copied()
    } else {
        Some(f64::midpoint(*figures.get(middle.checked_sub(1)?)?, figures[middle]))
    }
}
