//! The format of a log line: one JSON object.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::event::EVENT_TARGET;
use super::fields::JsonFields;
use super::metrics;
use crate::config::Config;
use crate::domain::time::Timestamp;

/// The format of one process's log.
#[derive(Clone, Default)]
pub struct JsonFormat {
    /// The deployment that the metrics belong to.
    stack: Option<String>,
}

impl JsonFormat {
    /// The format for the deployment that `METRICS_STACK` names, if it is set.
    pub fn new(config: &Config) -> Self {
        Self { stack: config.optional("METRICS_STACK").map(str::to_owned) }
    }
}

impl<S, N> FormatEvent<S, N> for JsonFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let (now, metadata) = (Timestamp::now(), event.metadata());
        let mut fields = JsonFields::default();
        fields.add("timestamp", now.to_string());
        fields.add("level", metadata.level().as_str());
        if metadata.target() == EVENT_TARGET {
            event.record(&mut fields);
            metrics::embed(&mut fields, self.stack.as_deref(), now);
        } else {
            fields.add("target", metadata.target());
            event.record(&mut fields);
        }
        let line = serde_json::to_string(&fields).map_err(|_| fmt::Error)?;

        writeln!(writer, "{line}")
    }
}
