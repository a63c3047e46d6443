//! The ways in which a push reaches a device.

pub(crate) mod web_push;
