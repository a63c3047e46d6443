//! The log: one JSON line per event, from which CloudWatch takes the metrics. Only our own crates may log more than `info`:
//! the Lambda runtime and the SDK would log whole requests at `trace`, with the credentials in them.

pub mod event;
mod fields;
mod format;
mod metrics;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::DefaultFields;
use tracing_subscriber::fmt::{FormatEvent, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry};

use crate::config::Config;

pub use event::EVENT_TARGET;
pub use format::JsonFormat;
pub use metrics::{METRICS, NAMESPACE};

/// The prefix of our crates' names, by which the log tells their targets from a dependency's.
const OUR_CRATES: &str = "pushgate_";

/// Starts the log of this process on standard output.
pub fn start(config: &Config) {
    tracing_subscriber::registry().with(layer(std::io::stdout, JsonFormat::new(config), level(config))).init();
}

/// The level of `LOG_LEVEL`; `info` if it is absent or unknown.
pub fn level(config: &Config) -> LevelFilter {
    config.optional("LOG_LEVEL").and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO)
}

/// A layer that writes lines of this format to this writer, filtered by level.
pub fn layer<W, F>(writer: W, format: F, level: LevelFilter) -> impl Layer<Registry> + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    F: FormatEvent<Registry, DefaultFields> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer().event_format(format).with_writer(writer).with_filter(filter(level))
}

/// The configured level for our crates, `info` at most for dependencies, events always. The runtime's line for each error that
/// a function returns repeats our own and is off.
fn filter(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::INFO))
        .with_target(OUR_CRATES, level)
        .with_target(EVENT_TARGET, LevelFilter::INFO)
        .with_target("lambda_runtime::layers::panic", LevelFilter::OFF)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn only_our_crates_log_more_than_info() {
        let filter = filter(LevelFilter::TRACE);
        assert!(module_path!().starts_with(OUR_CRATES));
        assert!(filter.would_enable(module_path!(), &Level::TRACE));
        assert!(filter.would_enable("pushgate_send_push::accept", &Level::TRACE));
        for dependency in ["lambda_runtime", "aws_smithy_runtime::client", "pushgateway"] {
            assert!(!filter.would_enable(dependency, &Level::DEBUG), "{dependency}");
        }
    }
}
