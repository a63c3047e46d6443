//! The data folder, used by one process at a time and accessible to its owner alone.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::start_error::StartError;

/// Every file of the folder, including those that `SQLite` and a replacement create.
const FILES: [&str; 11] = [
    "aws.env",
    "functions.env",
    "lock",
    "queue.jsonl",
    "queue.jsonl.new",
    "secrets.json",
    "secrets.json.new",
    "tables.sqlite",
    "tables.sqlite-journal",
    "tables.sqlite-shm",
    "tables.sqlite-wal",
];

/// A locked data folder. Dropping it releases the lock.
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Creates the folder if it does not exist, makes it and its files accessible to their owner alone, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, StartError> {
        let failed = |error: &dyn std::fmt::Display| {
            StartError::new(format!("The data folder {} cannot be used: {error}.", path.display()))
        };
        fs::create_dir_all(path).and_then(|()| restrict_all(path)).map_err(|error| failed(&error))?;
        let lock = owner_only(File::options().create(true).append(true)).open(path.join("lock"));
        let lock = lock.map_err(|error| failed(&error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StartError::new(format!(
                "The data folder {} is in use by another pushgate; stop it, or choose another folder with --data.",
                path.display()
            ))),
            Err(TryLockError::Error(error)) => Err(failed(&error)),
        }
    }

    /// The path of the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The options with which a new file is accessible to its owner alone, whatever the process's umask is.
pub(crate) fn owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Restricts the folder first, so that nobody else can replace a file afterwards. A link would lead to a file that is not
/// of this folder.
fn restrict_all(folder: &Path) -> io::Result<()> {
    restrict(folder, 0o700)?;
    for name in FILES {
        let file = folder.join(name);
        match fs::symlink_metadata(&file) {
            Ok(found) if found.is_file() => restrict(&file, 0o600)?,
            Ok(_) => return Err(io::Error::other(format!("{name} is not a file"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

/// Other systems give a new file the access list of its folder, which is the user's own below their home folder.
#[cfg(not(unix))]
fn restrict(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}
