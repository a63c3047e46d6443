//! The log on a laptop: the functions' log format, except that access log lines are written verbatim.

use std::fmt;

use shared::config::Config;
use shared::log;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::gateway::ACCESS_LOG_TARGET;

/// The format of log lines.
#[derive(Clone, Default)]
pub struct LogFormat(log::JsonFormat);

/// Starts this process's log, on standard error.
pub fn start(config: &Config) {
    let format = LogFormat(log::JsonFormat::new(config));
    tracing_subscriber::registry().with(log::layer(std::io::stderr, format, log::level(config))).init();
}

impl<S, N> FormatEvent<S, N> for LogFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if event.metadata().target() != ACCESS_LOG_TARGET {
            return self.0.format_event(context, writer, event);
        }
        let mut message = Message::default();
        event.record(&mut message);
        writeln!(writer, "{}", message.0)
    }
}

/// The message of an event, without its other fields.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
