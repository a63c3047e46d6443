//! The hall: REST API events come in as typed requests, answers go out. Events are read leniently, so that no odd header
//! of a stranger can make the parsing itself fail.

pub mod json_body;
pub mod key_fields;
mod precondition;
pub mod preview;
pub mod problem;
pub mod send_request;
mod serve;
pub mod views;

use std::collections::BTreeMap;
use std::fmt::Display;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::domain::account::{Account, Author};
use crate::domain::caller::Caller;
use crate::domain::key::{self, Quota};
use crate::domain::push::PushId;
use crate::http::json_body::Fields;
use crate::http::problem::Problem;

pub use precondition::Precondition;
pub use serve::serve;

/// The stage, under which every route lies.
pub const STAGE: &str = "/v1";

/// What a page of another origin may read of an answer.
const EXPOSED: &str =
    "ETag, Idempotency-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate";

/// A request, as API Gateway's REST API hands it to a function.
#[derive(Clone, Debug)]
pub struct Request {
    /// The route's path: `/keys/{id}`.
    pub resource: String,
    /// The gateway's id of it, which the answer and the log repeat.
    pub id: String,
    body: String,
    headers: Map<String, Value>,
    path: Map<String, Value>,
    query: Map<String, Value>,
    authorizer: Map<String, Value>,
}

impl Request {
    /// The request of an event. What is missing or of another type is as good as absent.
    pub fn from_event(mut event: Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let object = |value: Value| if let Value::Object(map) = value { map } else { Map::new() };

        Self {
            resource: text(&event["resource"]),
            id: text(&event["requestContext"]["requestId"]),
            body: text(&event["body"]),
            headers: object(event["multiValueHeaders"].take()),
            path: object(event["pathParameters"].take()),
            query: object(event["queryStringParameters"].take()),
            authorizer: object(event["requestContext"]["authorizer"].take()),
        }
    }

    /// The body as it came.
    pub fn body(&self) -> &str {
        &self.body
    }

    fn header_values(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = self.headers.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name));
        named.filter_map(|(_, values)| values.as_array()).flatten().filter_map(Value::as_str)
    }

    /// A header that stands at most once, if it is there.
    fn header(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.header_values(name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Problem::InvalidParameter(format!("{name} was sent more than once"))),
            (value, None) => Ok(value),
        }
    }

    /// A header that parses itself, if it is there.
    pub fn header_as<T: TryFrom<String, Error: Display>>(&self, name: &str) -> Result<Option<T>, Problem> {
        let parse = |text: &str| T::try_from(text.to_owned());
        let wrong = |mistake| Problem::InvalidParameter(format!("{name} {mistake}"));
        self.header(name)?.map(parse).transpose().map_err(wrong)
    }

    /// What `If-Match` says must be so.
    pub fn precondition(&self) -> Result<Precondition, Problem> {
        Precondition::parse(self.header_values("If-Match"))
    }

    /// A parameter of the path that is not what it should be names nothing: 404.
    pub fn path<T: TryFrom<String>>(&self, name: &str, thing: &'static str) -> Result<T, Problem> {
        T::try_from(self.path_text(name).unwrap_or_default().to_owned()).map_err(|_| Problem::NotFound(thing))
    }

    /// A parameter of the path, if the route has it.
    pub fn path_text(&self, name: &str) -> Option<&str> {
        self.path.get(name)?.as_str()
    }

    /// A parameter of the query, if it is there.
    pub fn query_text(&self, name: &str) -> Option<&str> {
        self.query.get(name)?.as_str()
    }

    /// Refuses parameters of the query that the route does not know.
    fn only_query(&self, known: &[&str]) -> Result<(), Problem> {
        match self.query.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(_) => Err(Problem::InvalidParameter(format!("This route takes in its query: {}", known.join(", ")))),
        }
    }

    /// The fields of the JSON body.
    pub fn fields(&self) -> Result<Fields, Problem> {
        Ok(Fields::of(&self.body)?)
    }
}

/// A person of an account, signed in.
#[derive(Clone, Debug)]
pub struct Member {
    /// The account.
    pub account: Account,
    /// Who it is, to be written beside what is changed.
    pub author: Author,
}

/// A member who may change things. Only [`admin`] makes one.
pub struct Admin(Member);

impl std::ops::Deref for Admin {
    type Target = Member;

    fn deref(&self) -> &Member {
        &self.0
    }
}

/// The signed-in person of a request.
pub fn member(request: &Request) -> Result<Member, Problem> {
    let claims = request.authorizer.get("claims").and_then(Value::as_object);
    let claims = claims.ok_or_else(|| Problem::internal("a management route was called without claims"))?;
    let claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let account = Account::try_from(claim("custom:account")).map_err(|_| Problem::NoAccount)?;
    if claim("sub").is_empty() {
        return Err(Problem::internal("a token without a subject"));
    }

    // A person writes his own name, and every key that he makes repeats it.
    let name = claim("name").chars().filter(|c| !key::hides(*c)).take(100).collect();
    Ok(Member { account, author: Author { id: claim("sub"), name } })
}

/// The signed-in person of a request, who must be an admin.
pub fn admin(request: &Request) -> Result<Admin, Problem> {
    let member = member(request)?;
    match request.authorizer["claims"]["custom:role"].as_str() {
        Some("admin") => Ok(Admin(member)),
        _ => Err(Problem::AdminRequired),
    }
}

/// The key of a request, which was let through and is within its limits.
pub fn caller(request: &Request) -> Result<Caller, Problem> {
    let caller = Caller::from_context(&request.authorizer);
    let caller = caller.ok_or_else(|| Problem::internal("the authorizer's context is missing or malformed"))?;
    match caller.retry_after {
        Some(retry_after) => Err(Problem::RateLimited { retry_after }),
        None => Ok(caller),
    }
}

/// A page of a list, as a request asks for it.
pub struct Page<T> {
    /// The last thing of the page before.
    pub after: Option<T>,
    /// At most so many.
    pub most: usize,
}

/// The page that `limit` (1 to 100, 50 if absent) and `cursor` ask for.
pub fn page<T: TryFrom<String>>(request: &Request) -> Result<Page<T>, Problem> {
    request.only_query(&["limit", "cursor"])?;
    let most = match request.query_text("limit") {
        None => 50,
        Some(text) => text
            .parse()
            .ok()
            .filter(|most| (1..=100).contains(most))
            .ok_or_else(|| Problem::InvalidParameter("limit is not a whole number from 1 to 100".to_owned()))?,
    };
    let after = request.query_text("cursor").map(|text| {
        let place = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let place = place.and_then(|place| T::try_from(place).ok());
        place.ok_or_else(|| Problem::InvalidParameter("cursor is not one that a list has answered".to_owned()))
    });

    Ok(Page { after: after.transpose()?, most })
}

/// The cursor that leads on after this thing, if more follows.
pub fn cursor(last: Option<&str>, more: bool) -> Option<String> {
    last.filter(|_| more).map(|place| URL_SAFE_NO_PAD.encode(place))
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    status: u16,
    headers: BTreeMap<&'static str, String>,
    body: String,
    /// The push that was made, for the log.
    push: Option<PushId>,
}

impl Reply {
    /// 200, with this.
    pub fn ok(body: &impl Serialize) -> Self {
        Self::json(200, body)
    }

    /// 201, with this, at this address under the stage.
    pub fn created(location: &str, body: &impl Serialize) -> Self {
        Self::json(201, body).at(location)
    }

    /// 202, with this, at this address under the stage.
    pub fn accepted(location: &str, body: &impl Serialize) -> Self {
        Self::json(202, body).at(location)
    }

    /// 200, with this HTML, which needs nothing from elsewhere.
    pub fn page(html: &str) -> Self {
        let headers = [
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
        ];
        let headers = headers.map(|(name, value)| (name, value.to_owned()));
        Self { status: 200, headers: headers.into(), body: html.to_owned(), push: None }
    }

    /// 204, with nothing.
    pub fn nothing() -> Self {
        Self { status: 204, headers: BTreeMap::new(), body: String::new(), push: None }
    }

    /// Tells every cache to keep nothing of it: it holds a secret.
    #[must_use]
    pub fn no_store(self) -> Self {
        self.header("Cache-Control", "no-store")
    }

    /// With this header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.insert(name, value.into());
        self
    }

    /// With the tag of the key that it shows.
    #[must_use]
    pub fn tagged(self, revision: &str) -> Self {
        self.header("ETag", precondition::tag(revision))
    }

    /// Of a request that made this push: the log names it.
    #[must_use]
    pub fn of_push(mut self, push: &PushId) -> Self {
        self.push = Some(push.clone());
        self
    }

    fn at(self, location: &str) -> Self {
        self.header("Location", format!("{STAGE}{location}"))
    }

    fn json(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_string(body) {
            Ok(body) => {
                let headers = BTreeMap::from([("Content-Type", "application/json".to_owned())]);
                Self { status, headers, body, push: None }
            }
            Err(_) => unreachable!("what we answer serializes"),
        }
    }

    fn refusal(problem: &Problem, request_id: &str) -> Self {
        let headers = BTreeMap::from([("Content-Type", "application/problem+json".to_owned())]);
        let reply = Self { status: problem.row().status, headers, body: problem.body(request_id), push: None };
        match problem.retry_after() {
            Some(seconds) => reply.header("Retry-After", seconds.to_string()),
            None => reply,
        }
    }

    fn into_event(self) -> Value {
        json!({ "statusCode": self.status, "headers": self.headers, "body": self.body, "isBase64Encoded": false })
    }
}

/// What is left of the limits of a request's key (draft-ietf-httpapi-ratelimit-headers-10); nothing for a key without any.
fn rate_limits(request: &Request) -> Vec<(&'static str, String)> {
    let quotas = Caller::from_context(&request.authorizer).map(|caller| caller.quotas).unwrap_or_default();
    if quotas.is_empty() {
        return Vec::new();
    }
    let list = |item: fn(&Quota) -> String| quotas.iter().map(item).collect::<Vec<_>>().join(", ");
    let policy = list(|it| format!("\"{}\";q={};w={}", it.period.name(), it.limit, it.period.seconds()));
    let left = list(|it| format!("\"{}\";r={};t={}", it.period.name(), it.left, it.resets_in));
    vec![("RateLimit-Policy", policy), ("RateLimit", left)]
}

/// The headers by which a browser lets a page read the answer: any origin on the routes that a page calls with a
/// publishable key, the console's on all others.
pub fn cross_origin(resource: &str, config: &Config) -> Vec<(&'static str, String)> {
    let origin = if resource.starts_with("/subscriptions") { "*" } else { &config.console_origin };
    vec![
        ("Access-Control-Allow-Origin", origin.to_owned()),
        ("Access-Control-Expose-Headers", EXPOSED.to_owned()),
        ("Vary", "Origin".to_owned()),
    ]
}

/// An error and what caused it, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        line = format!("{line}: {cause}");
        next = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_s_name_hides_nothing() {
        let claims = json!({ "sub": "1", "custom:account": "acme", "name": "Ada\u{202e}\n\u{2066}Admin" });
        let request = Request::from_event(json!({ "requestContext": { "authorizer": { "claims": claims } } }));
        assert_eq!(member(&request).expect("a member").author.name, "AdaAdmin");
    }
}
