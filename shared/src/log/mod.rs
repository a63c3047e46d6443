//! One JSON line per event. Only our own crates may say more than `info`: the Lambda runtime and the SDK would write whole
//! requests at `trace`, with the credentials in them, so they stay at `info` whatever the environment asks for.

pub mod event;
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

pub use format::Lines;
pub use metrics::{METRICS, NAMESPACE};

/// The target of events. They are written whatever the level, because metrics are taken from them.
pub const EVENT: &str = "event";

/// The crates whose words are ours.
const OURS: [&str; 21] = [
    "shared",
    "authorizer",
    "create_channel",
    "create_key",
    "delete_channel",
    "delete_key",
    "delete_subscription",
    "deliver",
    "explain_key",
    "get_key_history",
    "get_problem",
    "get_push",
    "get_subscription_config",
    "list_channels",
    "list_keys",
    "list_pushes",
    "preflight",
    "put_subscription",
    "rotate_key",
    "send_push",
    "update_key",
];

/// Starts the log of this process on its standard output.
pub fn start(config: &Config) {
    tracing_subscriber::registry().with(layer(std::io::stdout, Lines::new(config), level(config))).init();
}

/// The level of `LOG_LEVEL`; `info` if it is absent or unknown.
pub fn level(config: &Config) -> LevelFilter {
    config.optional("LOG_LEVEL").and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO)
}

/// Lines of this form, written there, as far as the level lets them through.
pub fn layer<W, L>(writer: W, lines: L, level: LevelFilter) -> impl Layer<Registry> + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    L: FormatEvent<Registry, DefaultFields> + Send + Sync + 'static,
{
    tracing_subscriber::fmt::layer().event_format(lines).with_writer(writer).with_filter(filter(level))
}

/// What is written at this level: our crates as asked, everybody else at `info` at most, events always. The runtime's line for
/// each error that a function returns says again what our own line has said.
fn filter(level: LevelFilter) -> Targets {
    let ours = OURS.map(|name| (name, level));
    let targets = Targets::new().with_default(level.min(LevelFilter::INFO)).with_targets(ours);
    targets.with_target(EVENT, LevelFilter::INFO).with_target("lambda_runtime::layers::panic", LevelFilter::OFF)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_function_may_speak_up() {
        let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
        let folders = std::fs::read_dir(functions).expect("the functions");
        let mut names: Vec<String> =
            folders.map(|it| it.expect("a folder").file_name().to_string_lossy().replace('-', "_")).collect();
        names.push("shared".to_owned());
        names.sort();

        let mut ours = OURS.map(str::to_owned);
        ours.sort();
        assert_eq!(ours.as_slice(), names);
    }
}
