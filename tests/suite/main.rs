//! The suite: everything that a user does, over HTTP, against the product with a fresh database.

mod send_a_push;
