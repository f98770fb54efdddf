//! The figures of all rounds and their statistics. Ratios are computed within a round: the speed of a machine changes
//! over time, but it affects all figures of one round alike.

use std::collections::BTreeMap;
use std::fmt;

/// Figures by subject, name and round.
#[derive(Debug, Default)]
pub(crate) struct Figures(BTreeMap<(String, String), Vec<f64>>);

impl Figures {
    /// Adds a figure for the next round.
    pub(crate) fn push(&mut self, subject: &str, figure: &str, value: f64) {
        let Self(figures) = self;
        figures
            .entry((subject.to_owned(), figure.to_owned()))
            .or_default()
            .push(value);
    }

    /// The values of one figure in all rounds. Empty if it was not measured.
    pub(crate) fn of(&self, subject: &str, figure: &str) -> &[f64] {
        let Self(figures) = self;
        figures
            .get(&(subject.to_owned(), figure.to_owned()))
            .map_or(&[], Vec::as_slice)
    }

    /// The quartiles of one figure over all rounds.
    pub(crate) fn spread(&self, subject: &str, figure: &str) -> Option<Spread> {
        Spread::of(self.of(subject, figure))
    }
}

/// Combines two figures round by round.
pub(crate) fn by_round(left: &[f64], right: &[f64], combine: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    left.iter()
        .zip(right)
        .map(|(left, right)| combine(*left, *right))
        .collect()
}

/// Median and quartiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// `None` if there are no figures.
    pub(crate) fn of(figures: &[f64]) -> Option<Self> {
        Some(Self {
            low: quantile(figures, 0.25)?,
            median: quantile(figures, 0.5)?,
            high: quantile(figures, 0.75)?,
        })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { low, median, high } = self;
        let digits = formatter.precision().unwrap_or(2);
        write!(formatter, "{median:.digits$} ({low:.digits$}–{high:.digits$})")
    }
}

/// The quantile `rank` (0 to 1) by the nearest-rank method. The result is one of the figures.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number of figures is small, and a rank is between 0 and 1"
)]
pub(crate) fn quantile(figures: &[f64], rank: f64) -> Option<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (rank * sorted.len() as f64).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_figures() {
        let figures: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(
            [0.0, 0.5, 0.99, 1.0].map(|rank| quantile(&figures, rank)),
            [1.0, 50.0, 99.0, 100.0].map(Some)
        );
        assert_eq!(quantile(&[3.0], 0.25), Some(3.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn ratios_are_those_of_each_round() {
        let mut figures = Figures::default();
        for (function, floor) in [(4.0, 2.0), (9.0, 3.0), (20.0, 5.0)] {
            figures.push("function", "p50", function);
            figures.push("floor", "p50", floor);
        }
        let ratios = by_round(figures.of("function", "p50"), figures.of("floor", "p50"), |a, b| a / b);
        assert_eq!(ratios, [2.0, 3.0, 4.0]);
        assert_eq!(
            Spread::of(&ratios).map(|spread| format!("{spread:.1}")).as_deref(),
            Some("3.0 (2.0–4.0)")
        );
    }
}
