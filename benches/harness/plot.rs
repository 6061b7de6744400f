//! The picture: how long jobs took, and what more threads bring.

use std::path::Path;

use hdrhistogram::Histogram;
use plotters::coord::Shift;
use plotters::prelude::*;

use super::Failure;
use super::case::Case;
use super::figure::{approximate, median};
use super::measure::Figures;

const SIZE: (u32, u32) = (960, 640);

/// What is drawn.
#[derive(Debug, Default)]
pub(crate) struct Curves {
    cases: Vec<Curve>,
}

/// All runs of one case.
#[derive(Debug)]
struct Curve {
    label: String,
    server: &'static str,
    threads: usize,
    latency_ns: Histogram<u64>,
    jobs_per_s: Vec<f64>,
}

impl Curves {
    /// Adds a run of a case of the table of this name.
    pub(crate) fn add(&mut self, table: &str, case: &Case, figures: &Figures) {
        let label = format!("{table} {}", case.label).trim_start().to_owned();
        if let Some(curve) = self.cases.iter_mut().find(|curve| curve.label == label) {
            curve.jobs_per_s.push(figures.jobs_per_s());
            curve.latency_ns += &figures.latency_ns;
        } else {
            self.cases.push(Curve {
                label,
                server: case.kind.name(),
                threads: case.threads,
                latency_ns: figures.latency_ns.clone(),
                jobs_per_s: vec![figures.jobs_per_s()],
            });
        }
    }

    /// Draws an SVG file. Throughput against threads is drawn where a server ran with several numbers of them.
    pub(crate) fn draw(&self, path: &Path) -> Result<(), Failure> {
        let area = SVGBackend::new(path, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let by_threads = self.by_threads();
        if by_threads.len() > 1 {
            let (above, below) = area.split_vertically(SIZE.1 / 2);
            self.draw_latencies(&above)?;
            draw_threads(&below, &by_threads)?;
        } else {
            self.draw_latencies(&area)?;
        }
        area.present().map_err(|error| format!("cannot write {}: {error}", path.display()).into())
    }

    /// Deputy's jobs a second by number of threads.
    fn by_threads(&self) -> Vec<(f64, f64)> {
        let ours = self.cases.iter().filter(|curve| curve.server == "deputy");
        let mut points: Vec<(f64, f64)> = ours
            .filter_map(|curve| Some((approximate(curve.threads as u64), median(curve.jobs_per_s.clone())?)))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points.dedup_by_key(|point| point.0.to_bits());
        points
    }

    /// Latency by how rare it is: right of `1 in 100` is the slowest hundredth.
    fn draw_latencies(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Failure> {
        let rarest = self.cases.iter().map(|curve| curve.latency_ns.len()).max().unwrap_or(1).max(10);
        let most_us = self.cases.iter().map(|curve| us(curve.latency_ns.max())).fold(10.0, f64::max);
        let least_us = self.cases.iter().map(|curve| us(curve.latency_ns.min())).fold(most_us / 2.0, f64::min).max(1.0);
        let mut chart = ChartBuilder::on(area)
            .caption("Latency, by how rare it is", ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(72)
            .build_cartesian_2d((1.0..approximate(rarest)).log_scale(), (least_us..most_us).log_scale())?;
        chart
            .configure_mesh()
            .x_desc("one in")
            .y_desc("microseconds")
            .x_label_formatter(&|one_in| format!("{one_in:.0}"))
            .y_label_formatter(&|us| format!("{us:.0}"))
            .draw()?;
        for (place, curve) in self.cases.iter().enumerate() {
            let colour = Palette99::pick(place).to_rgba();
            chart
                .draw_series(LineSeries::new(points(&curve.latency_ns), &colour))?
                .label(curve.label.clone())
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE)
            .border_style(BLACK.mix(0.3))
            .draw()?;
        Ok(())
    }
}

/// From the median to the slowest job there was, eight points for each factor of ten.
fn points(latency_ns: &Histogram<u64>) -> Vec<(f64, f64)> {
    const POINTS_PER_DECADE: f64 = 8.0;
    let count = approximate(latency_ns.len().max(1));
    let steps = (0_u32..).map(|step| 10_f64.powf(f64::from(step) / POINTS_PER_DECADE));
    steps
        .take_while(|one_in| *one_in <= count)
        .map(|one_in| (one_in, us(latency_ns.value_at_quantile(1.0 - 1.0 / one_in)).max(1.0)))
        .collect()
}

fn us(ns: u64) -> f64 {
    approximate(ns) / 1e3
}

fn draw_threads(area: &DrawingArea<SVGBackend<'_>, Shift>, points: &[(f64, f64)]) -> Result<(), Failure> {
    let most = points.iter().map(|point| point.1).fold(0.0, f64::max) * 1.1;
    let threads = points.iter().map(|point| point.0).fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption("Jobs a second, by threads of the server", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(72)
        .build_cartesian_2d(0.0..threads * 1.05, 0.0..most)?;
    chart.configure_mesh().x_desc("threads").y_desc("jobs/s").y_label_formatter(&|jobs| format!("{jobs:.0}")).draw()?;
    chart.draw_series(LineSeries::new(points.iter().copied(), &BLUE))?;
    chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, BLUE.filled())))?;
    Ok(())
}
