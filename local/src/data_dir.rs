//! The data folder, used by one process at a time.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use crate::start_error::StartError;

/// A locked data folder. Dropping it releases the lock.
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Creates the folder if it does not exist, accessible to its owner only, and locks it.
    pub(crate) fn open(path: &Path) -> Result<Self, StartError> {
        let failed = |error: &dyn std::fmt::Display| {
            StartError::new(format!("The data folder {} cannot be used: {error}.", path.display()))
        };
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(|error| failed(&error))?;
        let lock = File::options().create(true).append(true).open(path.join("lock")).map_err(|error| failed(&error))?;
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
