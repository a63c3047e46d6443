//! A line is one JSON object, its members in the order in which they were written.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::{EVENT, metrics};
use crate::config::Config;
use crate::domain::time::Timestamp;

/// The form of the lines of one process.
#[derive(Clone, Default)]
pub struct Lines {
    /// Which deployment's metrics these are.
    stack: Option<String>,
}

impl Lines {
    /// Lines of the deployment that `METRICS_STACK` names, if it does.
    pub fn new(config: &Config) -> Self {
        Self { stack: config.optional("METRICS_STACK").map(str::to_owned) }
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let (now, metadata) = (Timestamp::now(), event.metadata());
        let mut members = Members::default();
        members.add("timestamp", now.to_string());
        members.add("level", metadata.level().as_str());
        if metadata.target() == EVENT {
            event.record(&mut members);
            metrics::embed(&mut members, self.stack.as_deref(), now);
        } else {
            members.add("target", metadata.target());
            event.record(&mut members);
        }
        let line = serde_json::to_string(&members).map_err(|_| fmt::Error)?;

        writeln!(writer, "{line}")
    }
}

/// The members of a line's object.
#[derive(Default)]
pub(super) struct Members(Vec<(&'static str, Value)>);

impl Members {
    /// The first of a name stays: no library can pass something else off as the time or the target.
    pub(super) fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        if self.get(name).is_none() {
            self.0.push((name, value.into()));
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(member, _)| *member == name).map(|(_, value)| value)
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Visit for Members {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field.name(), value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field.name(), format!("{value:?}"));
    }
}
