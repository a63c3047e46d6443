//! Requests: how a proxy event becomes a typed request, and what handlers extract from it.

use std::collections::HashMap;
use std::fmt::Display;

use lambda_http::aws_lambda_events::apigw::ApiGatewayProxyRequestContext;
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue, Method};
use lambda_http::request::RequestContext;
use lambda_http::{Body, RequestExt as _};
use serde_json::{Map, Value};

use super::json_body::JsonBody;
use super::precondition::Precondition;
use super::problem::Problem;

/// A request, with its path parameters, query, stage variables and request context in extensions.
pub type Request = lambda_http::Request;

/// Builds the request of a proxy event. Parsing is lenient: a part that is missing or of another type is absent, so that no
/// header or query of a client can make it fail.
pub fn from_event(mut event: Value) -> Request {
    let mut context = ApiGatewayProxyRequestContext::default();
    context.request_id = string(&event["requestContext"]["requestId"]);
    context.resource_path = string(&event["resource"]);
    context.authorizer.fields = object(take(event.get_mut("requestContext"), "authorizer")).into_iter().collect();

    let mut request = Request::new(Body::from(string(&event["body"]).unwrap_or_default()));
    *request.method_mut() = event["httpMethod"].as_str().and_then(|name| name.parse().ok()).unwrap_or(Method::GET);
    *request.uri_mut() = event["path"].as_str().and_then(|path| path.parse().ok()).unwrap_or_default();
    *request.headers_mut() = headers(object(take(Some(&mut event), "multiValueHeaders")));
    request
        .with_path_parameters(strings(object(take(Some(&mut event), "pathParameters"))))
        .with_query_string_parameters(strings(object(take(Some(&mut event), "queryStringParameters"))))
        .with_stage_variables(strings(object(take(Some(&mut event), "stageVariables"))))
        .with_request_context(RequestContext::ApiGatewayV1(context))
}

/// Takes a field out of a value, which may be no object: an index would panic then.
fn take(value: Option<&mut Value>, name: &str) -> Value {
    value.and_then(|value| value.get_mut(name)).map(Value::take).unwrap_or_default()
}

fn string(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

fn strings(map: Map<String, Value>) -> HashMap<String, String> {
    let entries = map.into_iter().filter_map(|(name, value)| Some((name, string(&value)?)));
    entries.collect()
}

/// Headers of an event. A name that HTTP does not allow is left out, because no handler reads it.
fn headers(named: Map<String, Value>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, values) in named {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { continue };
        for value in values.as_array().into_iter().flatten().filter_map(Value::as_str) {
            headers.append(&name, header_value(value));
        }
    }
    headers
}

/// A header's value. Characters that HTTP does not allow are replaced, so that the header is present and invalid: a handler
/// must reject it, not take it for absent.
fn header_value(text: &str) -> HeaderValue {
    let valid = HeaderValue::from_bytes(text.as_bytes());
    valid.unwrap_or_else(|_| {
        let replaced = text.replace(char::is_control, "\u{fffd}");
        HeaderValue::from_bytes(replaced.as_bytes()).unwrap_or_else(|_| HeaderValue::from_static(""))
    })
}

/// A query parameter that is true or false.
pub struct BooleanParam(pub bool);

/// The text is not true or false.
#[derive(Debug, thiserror::Error)]
#[error("is not true or false")]
pub struct InvalidBoolean;

impl TryFrom<String> for BooleanParam {
    type Error = InvalidBoolean;

    fn try_from(text: String) -> Result<Self, InvalidBoolean> {
        text.parse().map(Self).map_err(|_| InvalidBoolean)
    }
}

/// What handlers extract from a request.
pub trait Extract {
    /// The route's path: `/keys/{id}`.
    fn route(&self) -> &str;

    /// API Gateway's request id, which problems and the log repeat.
    fn request_id(&self) -> &str;

    /// The values of the authorizer's context.
    fn authorizer(&self) -> &HashMap<String, Value>;

    /// A variable of the API's stage.
    fn stage_variable(&self, name: &str) -> Option<&str>;

    /// The body as text.
    fn body_text(&self) -> &str;

    /// The fields of the JSON body.
    fn json_body(&self) -> Result<JsonBody, Problem>;

    /// Parses a header that may be sent once, if it is present.
    fn parse_header<T: TryFrom<String, Error: Display>>(&self, name: &str) -> Result<Option<T>, Problem>;

    /// The precondition of `If-Match`.
    fn precondition(&self) -> Result<Precondition, Problem>;

    /// Parses a path parameter. A malformed one names no resource: 404.
    fn path_param<T: TryFrom<String>>(&self, name: &str, resource: &'static str) -> Result<T, Problem>;

    /// A path parameter as text, if the route has it.
    fn raw_path_param(&self, name: &str) -> Option<&str>;

    /// A query parameter, if it is present.
    fn query_param(&self, name: &str) -> Option<&str>;

    /// Parses a query parameter, if it is present.
    fn parse_query<T: TryFrom<String, Error: Display>>(&self, name: &str) -> Result<Option<T>, Problem>;

    /// Rejects query parameters that the route does not have.
    fn reject_unknown_query(&self, known: &[&str]) -> Result<(), Problem>;
}

impl Extract for Request {
    fn route(&self) -> &str {
        context(self).and_then(|context| context.resource_path.as_deref()).unwrap_or_default()
    }

    fn request_id(&self) -> &str {
        context(self).and_then(|context| context.request_id.as_deref()).unwrap_or_default()
    }

    fn authorizer(&self) -> &HashMap<String, Value> {
        static NONE: std::sync::LazyLock<HashMap<String, Value>> = std::sync::LazyLock::new(HashMap::new);
        context(self).map_or(&NONE, |context| &context.authorizer.fields)
    }

    fn stage_variable(&self, name: &str) -> Option<&str> {
        self.stage_variables_ref()?.first(name)
    }

    fn body_text(&self) -> &str {
        if let Body::Text(text) = self.body() { text } else { "" }
    }

    fn json_body(&self) -> Result<JsonBody, Problem> {
        Ok(JsonBody::parse(self.body_text())?)
    }

    fn parse_header<T: TryFrom<String, Error: Display>>(&self, name: &str) -> Result<Option<T>, Problem> {
        let mut values = self.headers().get_all(name).iter();
        let text = match (values.next(), values.next()) {
            (_, Some(_)) => return Err(Problem::InvalidParameter(format!("{name} was sent more than once"))),
            (None, None) => return Ok(None),
            (Some(value), None) => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        };
        T::try_from(text).map(Some).map_err(|error| Problem::InvalidParameter(format!("{name} {error}")))
    }

    fn precondition(&self) -> Result<Precondition, Problem> {
        let values = self.headers().get_all("If-Match").iter();
        // Only ASCII is an entity tag, so any other text is invalid there.
        Precondition::parse(values.map(|value| value.to_str().unwrap_or("\u{fffd}")))
    }

    fn path_param<T: TryFrom<String>>(&self, name: &str, resource: &'static str) -> Result<T, Problem> {
        let text = self.raw_path_param(name).unwrap_or_default().to_owned();
        T::try_from(text).map_err(|_| Problem::NotFound(resource))
    }

    fn raw_path_param(&self, name: &str) -> Option<&str> {
        self.path_parameters_ref()?.first(name)
    }

    fn query_param(&self, name: &str) -> Option<&str> {
        self.query_string_parameters_ref()?.first(name)
    }

    fn parse_query<T: TryFrom<String, Error: Display>>(&self, name: &str) -> Result<Option<T>, Problem> {
        let parsed = self.query_param(name).map(|text| T::try_from(text.to_owned()));
        parsed.transpose().map_err(|error| Problem::InvalidParameter(format!("{name} {error}")))
    }

    fn reject_unknown_query(&self, known: &[&str]) -> Result<(), Problem> {
        let mut names = self.query_string_parameters_ref().into_iter().flat_map(|query| query.iter());
        if names.all(|(name, _)| known.contains(&name)) {
            return Ok(());
        }
        Err(Problem::InvalidParameter(format!("This route takes in its query: {}", known.join(", "))))
    }
}

fn context(request: &Request) -> Option<&ApiGatewayProxyRequestContext> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV1(context)) => Some(context),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_of_another_shape_is_a_request_without_its_parts() {
        for event in [
            json!(null),
            json!("text"),
            json!([1]),
            json!({ "requestContext": "text" }),
            json!({ "requestContext": [] }),
        ] {
            let request = from_event(event.clone());
            assert!(request.authorizer().is_empty() && request.route().is_empty(), "{event}");
        }
    }
}
