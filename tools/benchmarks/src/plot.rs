//! Draws the times of starts and warm invocations as SVG, on a logarithmic scale.

use crate::Fallible;
use crate::figures::Spread;
use crate::subjects::Kind;
use plotters::coord::Shift;
use plotters::prelude::{
    ChartBuilder, Circle, DrawingArea, EmptyElement, IntoDrawingArea as _, IntoFont as _, IntoLogRange as _,
    IntoSegmentedCoord as _, PathElement, RGBColor, SVGBackend, SegmentValue, Text,
};
use plotters::style::{Color as _, TRANSPARENT, TextStyle};

// In pixels.
const WIDTH: u32 = 900;
const ROW_HEIGHT: u32 = 24;
/// The height of the title and of the scale together.
const FRAME_HEIGHT: u32 = 72;
/// The width of the names, which stand on the left side.
const NAMES_WIDTH: u32 = 270;
const TEXT_SIZE: u32 = 15;

/// The colours of a picture.
pub(crate) struct Theme {
    /// A part of the file's name.
    pub(crate) name: &'static str,
    background: RGBColor,
    text: RGBColor,
    lines: RGBColor,
    floors: RGBColor,
    functions: RGBColor,
    peers: RGBColor,
}

/// The colours for readers who prefer light or dark pages.
pub(crate) const THEMES: [Theme; 2] = [
    Theme {
        name: "light",
        background: RGBColor(255, 255, 255),
        text: RGBColor(31, 35, 40),
        lines: RGBColor(216, 222, 228),
        floors: RGBColor(110, 119, 129),
        functions: RGBColor(9, 105, 218),
        peers: RGBColor(188, 76, 0),
    },
    Theme {
        name: "dark",
        background: RGBColor(13, 17, 23),
        text: RGBColor(230, 237, 243),
        lines: RGBColor(48, 54, 61),
        floors: RGBColor(139, 148, 158),
        functions: RGBColor(88, 166, 255),
        peers: RGBColor(240, 136, 62),
    },
];

/// The times of a subject, in milliseconds.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) start: Spread,
    pub(crate) warm: Spread,
}

/// Draws the times of all rows, one below the other: starts on the left side, warm invocations on the right.
pub(crate) fn draw(rows: &[Row], theme: &Theme) -> Fallible<String> {
    let mut svg = String::new();
    let height = u32::try_from(rows.len())? * ROW_HEIGHT + FRAME_HEIGHT;
    let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
    area.fill(&theme.background)?;
    let (left, right) = area.split_horizontally(NAMES_WIDTH + (WIDTH - NAMES_WIDTH) / 2);
    draw_panel(
        &left,
        NAMES_WIDTH,
        "Start, plain HTTP, logarithmic scale",
        rows,
        theme,
        |row| row.start,
    )?;
    draw_panel(
        &right,
        0,
        "Warm request, plain HTTP, logarithmic scale",
        rows,
        theme,
        |row| row.warm,
    )?;
    area.present()?;
    drop((area, left, right));
    Ok(svg)
}

fn draw_panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    names_width: u32,
    title: &str,
    rows: &[Row],
    theme: &Theme,
    time: fn(&Row) -> Spread,
) -> Fallible<()> {
    let medians = rows.iter().map(|row| time(row).median);
    let (shortest, longest) = medians.fold((f64::MAX, 0.0_f64), |(low, high), time| (low.min(time), high.max(time)));
    // The scale begins at a power of ten, and leaves room for the text at the longest time.
    let scale = (10_f64.powf(shortest.log10().floor())..longest * 5.0).log_scale();
    let style: TextStyle<'_> = ("sans-serif", TEXT_SIZE).into_font().color(&theme.text);
    // The first row is the lowest one.
    let row_at = |place: usize| rows.iter().rev().nth(place);
    let name = |place: &SegmentValue<usize>| match place {
        SegmentValue::CenterOf(place) => row_at(*place).map_or_else(String::new, |row| row.name.clone()),
        _ => String::new(),
    };
    let mut chart = ChartBuilder::on(area)
        .caption(title, style.clone())
        .margin(8)
        .x_label_area_size(24)
        .y_label_area_size(names_width)
        .build_cartesian_2d(scale, (0..rows.len().saturating_sub(1)).into_segmented())?;
    let mut mesh = chart.configure_mesh();
    mesh.disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(theme.lines)
        .axis_style(theme.lines)
        .label_style(style.clone())
        .x_label_formatter(&|time| format!("{time} ms"))
        .y_labels(rows.len())
        .y_label_formatter(&name)
        .draw()?;
    let colour = |row: &Row| match row.kind {
        Kind::Floor => theme.floors,
        Kind::Function => theme.functions,
        Kind::Peer => theme.peers,
    };
    let place = |number| SegmentValue::CenterOf(rows.len() - 1 - number);
    chart.draw_series(rows.iter().enumerate().map(|(number, row)| {
        let Spread { low, high, .. } = time(row);
        PathElement::new(
            [(low, place(number)), (high, place(number))],
            colour(row).stroke_width(2),
        )
    }))?;
    chart.draw_series(rows.iter().enumerate().map(|(number, row)| {
        EmptyElement::at((time(row).median, place(number))) + Circle::new((0, 0), 5, colour(row).filled())
    }))?;
    chart.draw_series(rows.iter().enumerate().map(|(number, row)| {
        let Spread { median, high, .. } = time(row);
        EmptyElement::at((high, place(number))) + Text::new(milliseconds(median), (9, -6), style.clone())
    }))?;
    Ok(())
}

/// The time with two or three digits.
fn milliseconds(time: f64) -> String {
    let digits = if time < 1.0 { 2 } else { usize::from(time < 10.0) };
    format!("{time:.digits$} ms")
}
