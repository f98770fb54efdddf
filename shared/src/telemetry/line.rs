//! A log line. If it has metrics, it is in CloudWatch's embedded metric format, which names the members that are
//! metrics. CloudWatch extracts them from the line, so nothing else is sent.
//!
//! Each metric has two sets of dimensions: none, for the whole stack, and function and version, which deployments
//! watch. A metric that is 0 is left out, unless its average matters: its sum stays the same, and the logs cost half as
//! much.

use crate::clock;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use std::sync::OnceLock;
use tracing::Level;

/// What all lines of this process have in common.
static SOURCE: OnceLock<Source> = OnceLock::new();

/// Where the lines of this process come from.
#[derive(Debug)]
struct Source {
    namespace: String,
    function: String,
    version: String,
    output: fn(&[u8]),
}

/// Enables lines. Their metrics are in `namespace`, and `output` gets them.
pub(super) fn start(namespace: String, output: fn(&[u8])) {
    // Lambda always sets both variables.
    let variable = |name| std::env::var(name).unwrap_or_default();
    // This fails only if it was called before.
    let _ = SOURCE.set(Source {
        namespace,
        function: variable("AWS_LAMBDA_FUNCTION_NAME"),
        version: variable("AWS_LAMBDA_FUNCTION_VERSION"),
        output,
    });
}

/// A metric: its name, its value and its unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metric(pub(super) &'static str, pub(super) f64, pub(super) Unit);

/// The metric that is written even if it is 0. Its average is the share of requests that failed, which the canary
/// alarms of `template.yaml` watch.
pub(super) const AVERAGED: &str = "5xx";

/// The unit of a metric. The names are CloudWatch's.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) enum Unit {
    Count,
    Milliseconds,
}

/// Writes a line with `properties`, which is an object, and those of `metrics` that are not 0 or are [`AVERAGED`]. It
/// does nothing before [`start`].
pub(super) fn write(level: Level, properties: &impl Serialize, metrics: &[Metric]) {
    let Some(source) = SOURCE.get() else { return };
    let counts = |metric: &&Metric| metric.1 != 0.0 || metric.0 == AVERAGED;
    let metrics: Vec<_> = metrics.iter().filter(counts).copied().collect();
    let now = clock::since_epoch();
    let now = DateTime::from_secs_and_nanos(now.as_secs().cast_signed(), now.subsec_nanos());
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
    (source.output)(&line);
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
            // Three digits: a microsecond, or a thousandth of a capacity unit.
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
