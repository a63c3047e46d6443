//! The suite: everything that a user does, over HTTP, against the product with a fresh database.

mod canary;
mod deliver;
mod lost_answers;
mod lost_edits;
mod readme;
mod restart;
mod send_a_push;
mod watch;
mod write_cost;
