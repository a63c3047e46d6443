//! A real browser without a network: Firefox, a push service that it accepts, and a site for it to visit.

mod autopush;
mod firefox;
mod site;

pub(crate) use autopush::{Autopush, Event};
pub(crate) use firefox::Firefox;
pub(crate) use site::Site;
