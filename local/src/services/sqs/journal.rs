//! The queue's journal: a line for each change, so that a killed process loses no message that it accepted.

use std::{
    borrow::Cow,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::Message;
use crate::StartError;

/// Lines beyond what the messages need, after which the journal is written anew.
const SLACK: usize = 10_000;

/// One change.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Entry<'a> {
    /// A message was accepted.
    Message(Cow<'a, Message>),
    /// A message stands elsewhere; its body is as it was.
    Stand {
        id: Cow<'a, str>,
        queue: Cow<'a, str>,
        visible: u64,
        receives: u32,
        first_received: Option<u64>,
        receipt: Option<String>,
    },
    /// A message is gone.
    Deleted { id: Cow<'a, str> },
}

impl Entry<'_> {
    /// Where the message stands now.
    pub(super) fn stand(message: &Message) -> Entry<'static> {
        Entry::Stand {
            id: message.id.clone().into(),
            queue: message.queue.clone().into(),
            visible: message.visible,
            receives: message.receives,
            first_received: message.first_received,
            receipt: message.receipt.clone(),
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
    /// Replays the folder's journal, writes it anew in short, and gives the messages that it holds.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Vec<Message>), StartError> {
        let path = folder.join("queue.jsonl");
        let failed = |reason: &dyn std::fmt::Display| {
            StartError::new(format!("The queue's journal {} cannot be used: {reason}.", path.display()))
        };
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read.map_err(|error| failed(&error))?,
        };
        let messages = replay(&bytes).map_err(|reason| failed(&reason))?;
        let file = rewrite(&path, &messages).map_err(|error| failed(&error))?;
        let lines = messages.len();
        Ok((Self { path, file, lines }, messages))
    }

    /// Writes the entry down. `messages` is what the journal holds without it.
    pub(super) fn append(&mut self, entry: &Entry<'_>, messages: &[Message]) -> io::Result<()> {
        if self.lines > 2 * messages.len() + SLACK {
            self.file = rewrite(&self.path, messages)?;
            self.lines = messages.len();
        }
        self.lines += 1;
        self.file.write_all(&entry.line()?).inspect_err(|_| {
            // Part of the line may stand there: the next entry begins with a new file.
            self.lines = usize::MAX - 1;
        })
    }
}

/// The messages after all the entries. A last line without its end was not accepted and does not count.
fn replay(bytes: &[u8]) -> Result<Vec<Message>, String> {
    let mut messages: Vec<Message> = Vec::new();
    for (number, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if !line.ends_with(b"\n") {
            break;
        }
        match serde_json::from_slice(line).map_err(|error| format!("line {} is broken ({error})", number + 1))? {
            Entry::Message(message) => messages.push(message.into_owned()),
            Entry::Deleted { id } => messages.retain(|message| message.id != id),
            Entry::Stand { id, queue, visible, receives, first_received, receipt } => {
                if let Some(message) = messages.iter_mut().find(|message| message.id == id) {
                    message.queue = queue.into_owned();
                    (message.visible, message.receives) = (visible, receives);
                    (message.first_received, message.receipt) = (first_received, receipt);
                }
            }
        }
    }
    Ok(messages)
}

/// Puts a short journal in the place of the long one, in one step.
fn rewrite(path: &Path, messages: &[Message]) -> io::Result<File> {
    let new = path.with_extension("jsonl.new");
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).open(&new)?;
    for message in messages {
        file.write_all(&Entry::Message(Cow::Borrowed(message)).line()?)?;
    }
    file.sync_all()?;
    fs::rename(&new, path)?;
    Ok(file)
}
