//! The log of this process, captured in memory.

use std::io::Write;
use std::sync::{Mutex, Once, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static START: Once = Once::new();

/// Starts the capture at `trace`, with the functions' own filter.
pub(crate) fn start() {
    START.call_once(|| {
        let lines = shared::log::layer(Capture, local::log::LogFormat::default(), LevelFilter::TRACE);
        let subscriber = tracing_subscriber::registry().with(lines);
        tracing::subscriber::set_global_default(subscriber).expect("the first subscriber");
    });
}

/// The log so far.
pub(crate) fn all() -> Vec<u8> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The lines of the log so far, in order.
pub fn lines() -> Vec<String> {
    String::from_utf8(all()).expect("text").lines().map(str::to_owned).collect()
}

struct Capture;

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Capture {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}
