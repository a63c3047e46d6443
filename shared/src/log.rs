//! One JSON line per event. Only our own crates may say more than `info`: the Lambda runtime and the SDK would write whole
//! requests at `trace`, with the credentials in them, so they stay at `info` whatever the environment asks for.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::Config;

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

/// Starts the log of this process, at the level of `LOG_LEVEL` (`info` if it is absent or unknown).
pub fn start(config: &Config) {
    let level = config.optional("LOG_LEVEL").and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let lines =
        tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);

    tracing_subscriber::registry().with(lines).with(filter(level)).init();
}

/// What is written at this level: our crates as asked, everybody else at `info` at most.
pub fn filter(level: LevelFilter) -> Targets {
    Targets::new().with_default(level.min(LevelFilter::INFO)).with_targets(OURS.map(|name| (name, level)))
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
