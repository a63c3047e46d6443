//! The journal of the queues: one line for each change, so that a killed process loses no accepted message.

use std::{
    borrow::Cow,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::data_dir::owner_only;
use crate::services::sqs::message::Message;
use crate::start_error::StartError;

/// The number of superfluous lines after which the journal is compacted.
const MAX_SUPERFLUOUS_LINES: usize = 10_000;

/// One change.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry<'a> {
    /// A message was accepted.
    Message(Cow<'a, Message>),
    /// The state of a message changed; its body never does.
    #[serde(rename = "stand")]
    State {
        id: Cow<'a, str>,
        queue: Cow<'a, str>,
        #[serde(rename = "visible")]
        visible_at: u64,
        #[serde(rename = "receives")]
        receive_count: u32,
        #[serde(rename = "first_received")]
        first_received_at: Option<u64>,
        #[serde(rename = "receipt")]
        receipt_handle: Option<String>,
    },
    /// A message was deleted or expired.
    Deleted { id: Cow<'a, str> },
}

impl Entry<'_> {
    /// The current state of a message.
    pub(super) fn state(message: &Message) -> Entry<'static> {
        Entry::State {
            id: message.id.clone().into(),
            queue: message.queue.clone().into(),
            visible_at: message.visible_at,
            receive_count: message.receive_count,
            first_received_at: message.first_received_at,
            receipt_handle: message.receipt_handle.clone(),
        }
    }

    fn line(&self) -> io::Result<Vec<u8>> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        Ok(line)
    }
}

/// The file that changes are appended to.
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    lines: usize,
}

impl Journal {
    /// Replays and compacts the journal in the data folder, and returns its messages.
    pub(crate) fn open(data_dir: &Path) -> Result<(Self, Vec<Message>), StartError> {
        let path = data_dir.join("queue.jsonl");
        let failed = |reason: &dyn std::fmt::Display| {
            StartError::new(format!("The queue's journal {} cannot be used: {reason}.", path.display()))
        };
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read.map_err(|error| failed(&error))?,
        };
        let messages = replay(&bytes).map_err(|reason| failed(&reason))?;
        let file = compact(&path, &messages).map_err(|error| failed(&error))?;
        let lines = messages.len();
        Ok((Self { path, file, lines }, messages))
    }

    /// Appends an entry. `messages` are those before the change.
    pub(super) fn append(&mut self, entry: &Entry<'_>, messages: &[Message]) -> io::Result<()> {
        if self.lines > 2 * messages.len() + MAX_SUPERFLUOUS_LINES {
            self.file = compact(&self.path, messages)?;
            self.lines = messages.len();
        }
        self.lines += 1;
        self.file.write_all(&entry.line()?).inspect_err(|_| {
            // The line may be incomplete, so the next append compacts the journal first.
            self.lines = usize::MAX - 1;
        })
    }
}

/// The messages after all entries. A last line without a line break was not accepted, so it is ignored.
fn replay(bytes: &[u8]) -> Result<Vec<Message>, String> {
    let mut messages: Vec<Message> = Vec::new();
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if !line.ends_with(b"\n") {
            break;
        }
        match serde_json::from_slice(line).map_err(|error| format!("line {} is invalid ({error})", index + 1))? {
            Entry::Message(message) => messages.push(message.into_owned()),
            Entry::Deleted { id } => messages.retain(|message| message.id != id),
            Entry::State { id, queue, visible_at, receive_count, first_received_at, receipt_handle } => {
                if let Some(message) = messages.iter_mut().find(|message| message.id == id) {
                    message.queue = queue.into_owned();
                    (message.visible_at, message.receive_count) = (visible_at, receive_count);
                    (message.first_received_at, message.receipt_handle) = (first_received_at, receipt_handle);
                }
            }
        }
    }
    Ok(messages)
}

/// Replaces the journal by one with a line for each message. The rename makes this atomic.
fn compact(path: &Path, messages: &[Message]) -> io::Result<File> {
    let new = path.with_extension("jsonl.new");
    let mut file = owner_only(OpenOptions::new().create(true).write(true).truncate(true)).open(&new)?;
    for message in messages {
        file.write_all(&Entry::Message(Cow::Borrowed(message)).line()?)?;
    }
    file.sync_all()?;
    fs::rename(&new, path)?;
    Ok(file)
}
