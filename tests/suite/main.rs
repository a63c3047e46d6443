//! The suite: tests over HTTP, against the app in this process with a new database or against a deployment.

// A file of this folder is a module; a folder is declared here.
mod counting_faults;

automod::dir!("suite");
