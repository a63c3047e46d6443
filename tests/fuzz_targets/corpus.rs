//! Texts from the corpus of a target, with a few edits; and the loop of a target.

use std::fmt::Debug;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, RefUnwindSafe};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use bolero::TypeGenerator;

/// The files of `corpora/<target>/`. A finding is added there.
pub(crate) struct Corpus(Vec<Vec<u8>>);

/// A file of the corpus, and its edits.
#[derive(Clone, Debug, TypeGenerator)]
pub(crate) struct Mutation {
    file: u8,
    #[generator(bolero::produce::<Vec<Edit>>().with().len(0..6usize))]
    edits: Vec<Edit>,
}

/// One edit; places and lengths are taken modulo the text's length.
#[derive(Clone, Debug, TypeGenerator)]
enum Edit {
    Insert { at: u16, byte: u8 },
    Replace { at: u16, byte: u8 },
    Remove { at: u16, length: u8 },
    Repeat { at: u16, length: u8, times: u8 },
    Splice { at: u16, file: u8, from: u16, length: u8 },
    Token { at: u16, token: u8 },
}

/// Texts that are special somewhere.
const TOKENS: [&str; 22] = [
    "\u{0}", "\n", "\r\n", " ", "\"", "\\", "/", "%00", "%2e", "..", "{", "}", "[", "]", ",", ":null", "\u{202e}",
    "\u{feff}", "é", "😀", "-1", "1e400",
];

impl Corpus {
    pub(crate) fn read(target: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets/corpora").join(target);
        let mut files: Vec<_> =
            std::fs::read_dir(folder).expect("a corpus").map(|entry| entry.expect("a file").path()).collect();
        files.sort();
        Self(files.iter().map(|file| std::fs::read(file).expect("a file")).collect())
    }

    fn file(&self, index: u8) -> &[u8] {
        &self.0[usize::from(index) % self.0.len()]
    }

    /// The text of a mutation.
    pub(crate) fn text(&self, mutation: &Mutation) -> String {
        let mut text = self.file(mutation.file).to_vec();
        for edit in &mutation.edits {
            self.edit(&mut text, edit);
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    fn edit(&self, text: &mut Vec<u8>, edit: &Edit) {
        let end = text.len();
        let part = |at: u16, length: u8, of: usize| {
            let at = usize::from(at) % (of + 1);
            at..(at + usize::from(length)).min(of)
        };
        match *edit {
            Edit::Insert { at, byte } => text.insert(usize::from(at) % (end + 1), byte),
            Edit::Replace { at, byte } if end > 0 => text[usize::from(at) % end] = byte,
            Edit::Replace { .. } => {}
            Edit::Remove { at, length } => drop(text.drain(part(at, length, end))),
            Edit::Repeat { at, length, times } => {
                let range = part(at, length, end);
                let repeated = text[range.clone()].repeat(usize::from(times % 16));
                text.splice(range.start..range.start, repeated);
            }
            Edit::Splice { at, file, from, length } => {
                let file = self.file(file);
                let spliced = file[part(from, length, file.len())].to_vec();
                let at = usize::from(at) % (end + 1);
                text.splice(at..at, spliced);
            }
            Edit::Token { at, token } => {
                let at = usize::from(at) % (end + 1);
                text.splice(at..at, TOKENS[usize::from(token) % TOKENS.len()].bytes());
            }
        }
    }
}

/// Runs a property on generated inputs, and prints the number of executions.
pub(crate) fn fuzz<I>(target: &str, property: impl Fn(I))
where
    I: TypeGenerator + Clone + Debug + RefUnwindSafe + 'static,
{
    let executions = AtomicU64::new(0);
    // The first panic ends the target, so nothing that it left half done is used again.
    let run = AssertUnwindSafe(|input| {
        executions.fetch_add(1, Ordering::Relaxed);
        property(input);
    });
    bolero::check!().with_type::<I>().cloned().for_each(|input| {
        let run = &run;
        run(input);
    });
    let _ = writeln!(std::io::stdout(), "fuzz: {target}: {} executions", executions.load(Ordering::Relaxed));
}
