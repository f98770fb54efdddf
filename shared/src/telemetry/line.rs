//! A log line, in CloudWatch's embedded metric format if it has metrics: it says which of its members are some. CloudWatch makes
//! them of the line itself, so nothing is sent for them.
//!
//! Each metric is kept twice: over the whole stack, and for each version of each function, which is what a deployment is watched
//! by. One that is 0 is left out, which its sum does not notice, and which halves what the logs cost, unless it is one whose
//! average counts.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use std::io::Write as _;
use std::sync::OnceLock;
use std::time::SystemTime;
use tracing::Level;

/// What every line of this process has in common, once it is known.
static SOURCE: OnceLock<Source> = OnceLock::new();

/// Where the lines of this process come from.
#[derive(Debug)]
struct Source {
    namespace: String,
    function: String,
    version: String,
}

/// Lets lines be written, with their metrics in `namespace`.
pub(super) fn start(namespace: String) {
    // Both are always set on Lambda.
    let variable = |name| std::env::var(name).unwrap_or_default();
    // Fails only if this was called before.
    let _ = SOURCE.set(Source {
        namespace,
        function: variable("AWS_LAMBDA_FUNCTION_NAME"),
        version: variable("AWS_LAMBDA_FUNCTION_VERSION"),
    });
}

/// A metric: its name, its value, and in what it is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metric(pub(super) &'static str, pub(super) f64, pub(super) Unit);

/// A metric that is there when it is 0, too: its average over requests is the share of those that failed, which the canary
/// alarms of `template.yaml` watch.
pub(super) const AVERAGED: &str = "5xx";

/// In what a metric is measured. The names are CloudWatch's.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) enum Unit {
    Count,
    Milliseconds,
}

/// Writes a line with `properties`, an object, and those of `metrics` that are not 0 or are [`AVERAGED`]. Nothing before [`start`].
pub(super) fn write(level: Level, properties: &impl Serialize, metrics: &[Metric]) {
    let Some(source) = SOURCE.get() else { return };
    let counts = |metric: &&Metric| metric.1 != 0.0 || metric.0 == AVERAGED;
    let metrics: Vec<_> = metrics.iter().filter(counts).copied().collect();
    let now = DateTime::from(SystemTime::now());
    let (Ok(timestamp), Ok(unix_millis)) = (now.fmt(Format::DateTime), now.to_millis()) else {
        return;
    };

    let line = Line {
        timestamp: &timestamp,
        level: level.as_str(),
        function: &source.function,
        version: &source.version,
        properties,
        values: Values(&metrics),
        aws: (!metrics.is_empty()).then(|| Metadata {
            timestamp: unix_millis,
            cloud_watch_metrics: [Directive {
                namespace: &source.namespace,
                dimensions: [&[], &["function", "version"]],
                metrics: Definitions(&metrics),
            }],
        }),
    };
    let Ok(mut line) = serde_json::to_vec(&line) else {
        return;
    };
    line.push(b'\n');
    // In one piece. If standard output is gone there is nobody left to tell.
    let _ = std::io::stdout().lock().write_all(&line);
}

#[derive(Serialize)]
struct Line<'a, P> {
    timestamp: &'a str,
    level: &'a str,
    function: &'a str,
    version: &'a str,
    #[serde(flatten)]
    properties: &'a P,
    #[serde(flatten)]
    values: Values<'a>,
    #[serde(rename = "_aws", skip_serializing_if = "Option::is_none")]
    aws: Option<Metadata<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    /// In unix milliseconds.
    timestamp: i64,
    cloud_watch_metrics: [Directive<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'a str,
    dimensions: [&'a [&'a str]; 2],
    metrics: Definitions<'a>,
}

struct Values<'a>(&'a [Metric]);

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for Metric(name, value, _) in self.0 {
            // To the third digit: a microsecond, a thousandth of a capacity unit.
            map.serialize_entry(name, &((value * 1e3).round() / 1e3))?;
        }
        map.end()
    }
}

struct Definitions<'a>(&'a [Metric]);

impl Serialize for Definitions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Definition {
            name: &'static str,
            unit: Unit,
        }

        serializer.collect_seq(self.0.iter().map(|&Metric(name, _, unit)| Definition { name, unit }))
    }
}
