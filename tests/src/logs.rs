//! Everything that this process logs, kept to be searched.

use std::io::Write;
use std::sync::{Mutex, Once, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static START: Once = Once::new();

/// Begins to keep what is logged, at `trace` as far as the functions' own filter lets it through.
pub(crate) fn start() {
    START.call_once(|| {
        let lines = tracing_subscriber::fmt::layer().json().with_writer(Keep);
        let lines = lines.with_filter(shared::log::filter(LevelFilter::TRACE));
        let subscriber = tracing_subscriber::registry().with(lines);
        tracing::subscriber::set_global_default(subscriber).expect("the first subscriber");
    });
}

/// All that was logged so far.
pub(crate) fn all() -> Vec<u8> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

struct Keep;

impl Write for &Keep {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Keep {
    type Writer = &'a Keep;

    fn make_writer(&'a self) -> &'a Keep {
        self
    }
}
