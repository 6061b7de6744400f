//! The picture of a run: memory, descriptors and latency over time.

use std::error::Error;
use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::series::{Sample, Series};

const SIZE: (u32, u32) = (960, 720);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws an SVG file.
pub(super) fn draw(series: &Series, path: &Path) -> Result<(), Box<dyn Error>> {
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let panels = area.split_evenly((3, 1));
    let memory = |sample: &Sample| approximate(sample.taken.resident_bytes >> 10) / 1024.0;
    let descriptors = |sample: &Sample| approximate(sample.taken.descriptors as u64);
    panel(&panels[0], series, "Resident memory, MiB", &[("", &memory)])?;
    panel(&panels[1], series, "Open descriptors", &[("", &descriptors)])?;
    let ms = |us| approximate(us) / 1e3;
    let half = |sample: &Sample| ms(sample.latency_us.value_at_quantile(0.5));
    let rare = |sample: &Sample| ms(sample.latency_us.value_at_quantile(0.99));
    panel(&panels[2], series, "Latency of a job, ms", &[("p99", &rare), ("median", &half)])?;
    area.present()?;
    Ok(())
}

/// For a picture.
fn approximate(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

type Curve<'a> = (&'a str, &'a dyn Fn(&Sample) -> f64);

/// Curves over minutes, from zero.
fn panel(area: &Area<'_>, series: &Series, caption: &str, curves: &[Curve<'_>]) -> Result<(), Box<dyn Error>> {
    let minutes = |sample: &Sample| sample.at.as_secs_f64() / 60.0;
    let samples = series.samples();
    let most = curves.iter().flat_map(|curve| samples.iter().map(curve.1)).fold(0.0, f64::max).max(1e-3) * 1.15;
    let x: Range<f64> = 0.0..samples.last().map_or(1.0, minutes);
    let mut chart = ChartBuilder::on(area)
        .caption(caption, ("sans-serif", 16))
        .margin(10)
        .margin_right(26)
        .x_label_area_size(32)
        .y_label_area_size(56)
        .build_cartesian_2d(x, 0.0..most)?;
    chart.configure_mesh().x_desc("minutes").x_labels(13).y_labels(6).max_light_lines(0).draw()?;
    for (place, (name, value)) in curves.iter().enumerate() {
        let colour = Palette99::pick(place).to_rgba();
        let line = LineSeries::new(samples.iter().map(|sample| (minutes(sample), value(sample))), &colour);
        let drawn = chart.draw_series(line)?;
        if !name.is_empty() {
            drawn.label(*name).legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour));
        }
    }
    if curves.len() > 1 {
        chart.configure_series_labels().background_style(WHITE).border_style(BLACK.mix(0.3)).draw()?;
    }
    Ok(())
}
