//! Pages of a list: the parameters `limit` and `cursor`, and the cursor of the next page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::auth::Member;
use super::problem::Problem;
use super::request::{Extract as _, Request};
use crate::store::Page;

/// The number of entries of a page if the request gives none.
const DEFAULT_LIMIT: usize = 50;

/// The page of a list that a request asks for.
pub struct PageRequest<T> {
    /// The last entry of the page before.
    pub after: Option<T>,
    /// The maximum number of entries.
    pub limit: usize,
    list: String,
}

impl<T: TryFrom<String>> PageRequest<T> {
    /// Parses `limit` (1 to 100, 50 if absent) and `cursor`, which must be one of this list.
    pub fn parse(request: &Request, member: &Member) -> Result<Self, Problem> {
        Self::parse_beside(&[], request, member)
    }

    /// The same for a list that takes other parameters too.
    pub fn parse_beside(others: &[&str], request: &Request, member: &Member) -> Result<Self, Problem> {
        request.reject_unknown_query(&[&["limit", "cursor"], others].concat())?;
        let limit = match request.query_param("limit") {
            None => DEFAULT_LIMIT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=100).contains(limit))
                .ok_or_else(|| Problem::InvalidParameter("limit must be an integer from 1 to 100".to_owned()))?,
        };
        let list = list(request, member);
        let after = request.query_param("cursor").map(|cursor| {
            let text = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let entry = text.and_then(|text| T::try_from(text.strip_prefix(&list)?.to_owned()).ok());
            entry.ok_or_else(|| Problem::InvalidParameter("cursor is not a next_cursor of this list".to_owned()))
        });

        Ok(Self { after: after.transpose()?, limit, list })
    }

    /// The cursor of the page after this one, if there is one. `id` is what the list is ordered by.
    pub fn next_cursor<I>(&self, page: &Page<I>, id: impl Fn(&I) -> &str) -> Option<String> {
        let last = page.items.last().filter(|_| page.more)?;
        Some(URL_SAFE_NO_PAD.encode(format!("{}{}", self.list, id(last))))
    }
}

/// What every cursor of a list begins with: the form's version, the account, the route, and the key if the list is of one, by
/// its path or by `key_id`. No part contains a space, because the handler has parsed the key's id. It is no secret and no authority: the account is always the caller's own.
fn list(request: &Request, member: &Member) -> String {
    let id = request.raw_path_param("id").or_else(|| request.query_param("key_id")).unwrap_or_default();
    format!("1 {} {} {id} ", member.account, request.route())
}
