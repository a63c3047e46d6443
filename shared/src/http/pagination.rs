//! Pages of a list: the parameters `limit` and `cursor`, and the cursor of the next page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::problem::Problem;
use super::request::{Extract as _, Request};
use crate::store::Page;

/// The number of entries of a page if the request gives none.
const DEFAULT_LIMIT: usize = 50;

/// The page that a request asks for.
pub struct PageRequest<T> {
    /// The last entry of the page before.
    pub after: Option<T>,
    /// The maximum number of entries.
    pub limit: usize,
}

/// Parses `limit` (1 to 100, 50 if absent) and `cursor`.
pub fn parse<T: TryFrom<String>>(request: &Request) -> Result<PageRequest<T>, Problem> {
    request.reject_unknown_query(&["limit", "cursor"])?;
    let limit = match request.query_param("limit") {
        None => DEFAULT_LIMIT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=100).contains(limit))
            .ok_or_else(|| Problem::InvalidParameter("limit must be an integer from 1 to 100".to_owned()))?,
    };
    let after = request.query_param("cursor").map(|text| {
        let entry = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let entry = entry.and_then(|entry| T::try_from(entry).ok());
        entry.ok_or_else(|| Problem::InvalidParameter("cursor is not a next_cursor of a list".to_owned()))
    });

    Ok(PageRequest { after: after.transpose()?, limit })
}

/// The cursor of the page after this one, if there is one. `id` is what the list is ordered by.
pub fn next_cursor<T>(page: &Page<T>, id: impl Fn(&T) -> &str) -> Option<String> {
    page.items.last().filter(|_| page.more).map(|last| URL_SAFE_NO_PAD.encode(id(last)))
}
