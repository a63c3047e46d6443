//! The suite: everything that a user does, over HTTP, against the product with a fresh database, or at an address.

mod accounts;
mod authorize;
mod canary;
mod change_a_key;
mod channels;
mod create_a_key;
mod delete_a_key;
mod deliver;
mod gateway;
mod list_keys;
mod lost_answers;
mod lost_edits;
mod lost_results;
mod missing_context;
mod push_content;
mod read_pushes;
mod readme;
mod restart;
mod scope;
mod send_a_push;
mod subscribe;
mod subscription_body;
mod to_settle;
mod watch;
mod write_cost;
