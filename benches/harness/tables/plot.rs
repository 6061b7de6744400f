//! The pictures, as SVG: how long jobs took, what more threads bring, and latency by rate.

use std::path::Path;

use hdrhistogram::Histogram;
use plotters::coord::Shift;
use plotters::prelude::*;

use super::axis::Axis;
use super::case::Case;
use crate::harness::Failure;
use crate::harness::figure::{approximate, median};
use crate::harness::load::measure::Figures;
use crate::harness::servers::ServerKind;

const SIZE: (u32, u32) = (1_100, 640);

/// The strips for the legend (right) and the options (below).
const LEGEND_WIDTH: u32 = 230;
const OPTIONS_HEIGHT: u32 = 28;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What the pictures of tables show.
#[derive(Debug, Default)]
pub(super) struct Curves {
    cases: Vec<Curve>,
}

/// All runs of one case.
#[derive(Debug)]
struct Curve {
    table: String,
    case: Case,
    latency_ns: Histogram<u64>,
    jobs_per_s: Vec<f64>,
}

impl Curves {
    /// Adds a run of a case of the table of this name.
    pub(super) fn add(&mut self, table: &str, case: &Case, figures: &Figures) {
        let same = |curve: &&mut Curve| curve.table == table && curve.case.label == case.label;
        if let Some(curve) = self.cases.iter_mut().find(same) {
            curve.jobs_per_s.push(figures.jobs_per_s());
            curve.latency_ns += &figures.latency_ns;
        } else {
            self.cases.push(Curve {
                table: table.to_owned(),
                case: case.clone(),
                latency_ns: figures.latency_ns.clone(),
                jobs_per_s: vec![figures.jobs_per_s()],
            });
        }
    }

    /// Writes an SVG file. Throughput by threads is drawn if one table ran Deputy with several numbers of threads.
    pub(super) fn draw(&self, path: &Path, command: &str) -> Result<(), Failure> {
        draw_file(path, command, |area| {
            let (by_threads, legend) = (self.by_threads(), self.labels());
            if by_threads.len() < 2 {
                return self.draw_latencies(area, &legend);
            }
            let (above, below) = area.split_vertically((SIZE.1 - OPTIONS_HEIGHT) / 2);
            self.draw_latencies(&above, &legend)?;
            draw_threads(&below, &by_threads)
        })
    }

    fn labels(&self) -> Vec<String> {
        let label = |curve: &Curve| format!("{} {}", curve.table, curve.case.label).trim_start().to_owned();
        self.cases.iter().map(label).collect()
    }

    /// Returns Deputy's jobs per second by number of threads, if all curves are of one table.
    fn by_threads(&self) -> Vec<(usize, f64)> {
        if self.cases.iter().any(|curve| curve.table != self.cases[0].table) {
            return Vec::new();
        }
        let deputy = self.cases.iter().filter(|curve| curve.case.kind == ServerKind::Deputy);
        let mut points: Vec<(usize, f64)> =
            deputy.filter_map(|curve| Some((curve.case.threads, median(curve.jobs_per_s.clone())?))).collect();
        points.sort_by_key(|point| point.0);
        points.dedup_by_key(|point| point.0);
        points
    }

    fn draw_latencies(&self, area: &Area<'_>, legend: &[String]) -> Result<(), Failure> {
        let rarest = self.cases.iter().map(|curve| curve.latency_ns.len()).max().unwrap_or(1).max(10);
        let most_us = self.cases.iter().map(|curve| us(curve.latency_ns.max())).fold(10.0, f64::max);
        let least_us = self.cases.iter().map(|curve| us(curve.latency_ns.min())).fold(most_us / 2.0, f64::min).max(1.0);
        let (area, side) = area.split_horizontally(SIZE.0 - LEGEND_WIDTH);
        let mut chart = chart(&area, "Latency by percentile")
            .build_cartesian_2d(Axis::of_percentiles(approximate(rarest)), Axis::logarithmic(least_us, most_us))?;
        chart.configure_mesh().light_line_style(WHITE).x_desc("percentile").y_desc("microseconds").draw()?;
        for (index, curve) in self.cases.iter().enumerate() {
            chart.draw_series(LineSeries::new(points(&curve.latency_ns), &colour(index)))?;
        }
        draw_legend(&side, legend)
    }
}

/// The latencies of one case by rate.
#[derive(Debug)]
pub(super) struct RateCurve {
    label: String,
    pub(super) points: Vec<RatePoint>,
}

/// The percentiles of one rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct RatePoint {
    pub(super) rate_per_s: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
}

impl RateCurve {
    /// Returns a curve without points.
    pub(super) fn new(label: &str) -> Self {
        Self { label: label.to_owned(), points: Vec::new() }
    }

    fn sorted(&self, figure: fn(&RatePoint) -> f64) -> Vec<(f64, f64)> {
        let mut points: Vec<_> = self.points.iter().map(|point| (point.rate_per_s, figure(point))).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    }
}

/// Writes an SVG file of latency by rate: p99 as a line, p50 as a thin line, and the limit.
pub(super) fn draw_rates(curves: &[RateCurve], limit_us: f64, path: &Path, command: &str) -> Result<(), Failure> {
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let most_rate = all().map(|point| point.rate_per_s).fold(1.0, f64::max) * 1.05;
    let most_us = all().map(|point| point.p99_us).fold(limit_us * 1.5, f64::max);
    let least_us = all().map(|point| point.p50_us).fold(limit_us / 2.0, f64::min).max(1.0);
    draw_file(path, command, |area| {
        let (area, side) = area.split_horizontally(SIZE.0 - LEGEND_WIDTH);
        let mut chart = chart(&area, "Latency by rate: p99 (thick) and p50 (thin)")
            .build_cartesian_2d(0.0..most_rate, Axis::logarithmic(least_us, most_us))?;
        let thousands = |rate: &f64| format!("{rate:.0}");
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc("jobs/s")
            .y_desc("microseconds")
            .x_label_formatter(&thousands)
            .draw()?;
        chart.draw_series(LineSeries::new([(0.0, limit_us), (most_rate, limit_us)], &BLACK))?;
        for (index, curve) in curves.iter().enumerate() {
            let colour = colour(index);
            chart.draw_series(LineSeries::new(curve.sorted(|point| point.p99_us), colour.stroke_width(3)))?;
            chart.draw_series(LineSeries::new(curve.sorted(|point| point.p50_us), colour))?;
        }
        let labels: Vec<String> = curves.iter().map(|curve| curve.label.clone()).collect();
        draw_legend(&side, &labels)
    })
}

/// Writes an SVG file: what `draw` draws, with the options of the run below it.
fn draw_file(path: &Path, command: &str, draw: impl FnOnce(&Area<'_>) -> Result<(), Failure>) -> Result<(), Failure> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let (area, below) = root.split_vertically(SIZE.1 - OPTIONS_HEIGHT);
    draw(&area)?;
    below.draw(&Text::new(command.to_owned(), (12, 6), ("sans-serif", 13)))?;
    root.present().map_err(|error| format!("cannot write {}: {error}", path.display()).into())
}

fn chart<'a, 'b>(area: &'a Area<'b>, caption: &str) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut builder = ChartBuilder::on(area);
    builder.caption(caption, ("sans-serif", 18)).margin(12).x_label_area_size(36).y_label_area_size(72);
    builder
}

fn colour(index: usize) -> RGBAColor {
    Palette99::pick(index).to_rgba()
}

/// Draws the labels of the curves, beside the chart so that they cover no curve.
fn draw_legend(area: &Area<'_>, labels: &[String]) -> Result<(), Failure> {
    for (index, label) in (0..).zip(labels) {
        let y = 48 + 20 * index;
        let colour = colour(usize::try_from(index).expect("curves are few"));
        area.draw(&PathElement::new([(0, y), (18, y)], colour.stroke_width(2)))?;
        area.draw(&Text::new(label.clone(), (24, y - 7), ("sans-serif", 13)))?;
    }
    Ok(())
}

/// Returns the percentiles from the fastest job to the slowest, eight points per factor of ten.
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

fn draw_threads(area: &Area<'_>, points: &[(usize, f64)]) -> Result<(), Failure> {
    let (area, _) = area.split_horizontally(SIZE.0 - LEGEND_WIDTH);
    let most = points.iter().map(|point| point.1).fold(0.0, f64::max) * 1.1;
    let counts: Vec<usize> = points.iter().map(|point| point.0).collect();
    let points = points.iter().map(|point| (approximate(point.0 as u64), point.1));
    let mut chart =
        chart(&area, "Jobs per second by server threads").build_cartesian_2d(Axis::of_counts(&counts), 0.0..most)?;
    let whole = |jobs: &f64| format!("{jobs:.0}");
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("server threads")
        .y_desc("jobs/s")
        .y_label_formatter(&whole)
        .draw()?;
    chart.draw_series(LineSeries::new(points.clone(), &BLUE))?;
    chart.draw_series(points.map(|point| Circle::new(point, 3, BLUE.filled())))?;
    Ok(())
}
