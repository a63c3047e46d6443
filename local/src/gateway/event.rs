//! A request to the gateway, and the events that API Gateway makes of it: one for the authorizer, one for the function.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use axum::http::request::Parts;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::form_urlencoded;
use uuid::Uuid;

use crate::server::HeldBody;
use crate::template::Stage;
use crate::template::values::{ACCOUNT_ID, API_ID, REGION};

/// A request below the stage. Every value is of the parsed request itself.
#[derive(Debug, Clone)]
pub(super) struct GatewayRequest {
    pub(super) request_id: String,
    pub(super) method: String,
    pub(super) stage: Arc<Stage>,
    pub(super) query: String,
    pub(super) protocol: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) source_ip: IpAddr,
    pub(super) received_at: Timestamp,
    /// The path below the stage, as the request line has it.
    pub(super) path: String,
    pub(super) body: HeldBody,
    /// The route's path, such as `/keys/{id}`; empty before the route is known.
    pub(super) resource: String,
    pub(super) path_parameters: BTreeMap<String, String>,
}

impl GatewayRequest {
    /// A request whose route is not known yet and whose body is not read yet.
    pub(super) fn new(stage: &Arc<Stage>, parts: &Parts, source_ip: IpAddr) -> Self {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        Self {
            request_id: Uuid::new_v4().to_string(),
            method: parts.method.to_string(),
            stage: Arc::clone(stage),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            protocol: format!("{:?}", parts.version),
            headers: parts.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect(),
            source_ip,
            received_at: Timestamp::now(),
            path: String::new(),
            body: HeldBody::default(),
            resource: String::new(),
            path_parameters: BTreeMap::new(),
        }
    }

    /// The ARN that an authorizer's policy must allow.
    pub(super) fn method_arn(&self) -> String {
        let path = self.path.trim_start_matches('/');
        format!("arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:{API_ID}/{}/{}/{path}", self.stage.name, self.method)
    }

    /// The first value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(sent, _)| sent.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The value of a `$context` variable; `authorizer` is the authorizer's context.
    pub(super) fn context_variable(&self, name: &str, authorizer: &Value) -> Option<String> {
        if let Some(name) = name.strip_prefix("authorizer.") {
            let claim = name.strip_prefix("claims.");
            let value = claim.map_or_else(|| &authorizer[name], |claim| &authorizer["claims"][claim]);
            return value.as_str().map(str::to_owned);
        }
        let context = self.context();
        let value = name.split('.').fold(&context, |value, part| &value[part]);
        value.as_str().map(str::to_owned).or_else(|| value.as_i64().map(|number| number.to_string()))
    }

    /// The REQUEST event of a Lambda authorizer, which has no body.
    pub(super) fn authorizer_event(&self) -> Value {
        let mut event = self.common();
        event.insert("type".into(), "REQUEST".into());
        event.insert("methodArn".into(), self.method_arn().into());
        event.insert("requestContext".into(), self.context());
        event.into()
    }

    /// The proxy event of the function; `authorizer` is the authorizer's context.
    pub(super) fn proxy_event(&self, authorizer: Option<Value>) -> Value {
        let mut event = self.common();
        let mut context = self.context();
        if let Some(authorizer) = authorizer {
            context["authorizer"] = authorizer;
        }
        event.insert("requestContext".into(), context);
        let body = (!self.body.is_empty()).then(|| String::from_utf8_lossy(&self.body).into_owned());
        event.insert("body".into(), body.into());
        event.insert("isBase64Encoded".into(), false.into());
        event.into()
    }

    fn common(&self) -> Map<String, Value> {
        let query = form_urlencoded::parse(self.query.as_bytes()).into_owned();
        let (headers, multi_value_headers) = single_and_multi_value(self.headers.iter().cloned());
        let (query, multi_value_query) = single_and_multi_value(query);
        let path_parameters = if self.path_parameters.is_empty() { Value::Null } else { json!(self.path_parameters) };
        let event = json!({
            "resource": self.resource,
            "path": self.path,
            "httpMethod": self.method,
            "headers": headers,
            "multiValueHeaders": multi_value_headers,
            "queryStringParameters": query,
            "multiValueQueryStringParameters": multi_value_query,
            "pathParameters": path_parameters,
            "stageVariables": self.stage.variables,
        });
        match event {
            Value::Object(event) => event,
            _ => Map::new(),
        }
    }

    fn context(&self) -> Value {
        let host = self.header("host").unwrap_or_default();
        json!({
            "accountId": ACCOUNT_ID,
            "apiId": API_ID,
            "deploymentId": "local",
            "domainName": host,
            "domainPrefix": host.split('.').next(),
            "extendedRequestId": self.request_id,
            "httpMethod": self.method,
            "identity": {
                "accessKey": null, "accountId": null, "caller": null, "cognitoAuthenticationProvider": null,
                "cognitoAuthenticationType": null, "cognitoIdentityId": null, "cognitoIdentityPoolId": null,
                "principalOrgId": null, "sourceIp": self.source_ip.to_string(), "user": null,
                "userAgent": self.header("user-agent"), "userArn": null,
            },
            "path": format!("/{}{}", self.stage.name, self.path),
            "protocol": self.protocol,
            "requestId": self.request_id,
            "requestTime": self.received_at.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "requestTimeEpoch": self.received_at.as_millisecond(),
            "resourceId": "local",
            "resourcePath": self.resource,
            "stage": self.stage.name,
        })
    }
}

/// Each name with its last value, and each name with all its values; both null if there are no pairs.
fn single_and_multi_value(pairs: impl Iterator<Item = (String, String)>) -> (Value, Value) {
    let mut multi: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in pairs {
        multi.entry(name).or_default().push(value);
    }
    if multi.is_empty() {
        return (Value::Null, Value::Null);
    }
    let single: BTreeMap<_, _> = multi.iter().map(|(name, values)| (name, values.last())).collect();
    (json!(single), json!(multi))
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::apigw::{ApiGatewayCustomAuthorizerRequestTypeRequest, ApiGatewayProxyRequest};

    use super::*;

    fn request() -> GatewayRequest {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        GatewayRequest {
            request_id: "r-1".into(),
            method: "GET".into(),
            stage: Arc::new(Stage { name: "v1".into(), variables: [("domain".into(), "none".into())].into() }),
            query: "a=1&a=2&b=%26".into(),
            protocol: "HTTP/1.1".into(),
            headers: vec![header("host", "h"), header("x-a", "1"), header("x-a", "2")],
            source_ip: [127, 0, 0, 1].into(),
            received_at: Timestamp::UNIX_EPOCH,
            path: "/keys/a%20b".into(),
            body: b"x\xff".as_slice().into(),
            resource: "/keys/{id}".into(),
            path_parameters: [("id".to_owned(), "a b".to_owned())].into(),
        }
    }

    #[test]
    fn a_proxy_event_has_the_last_value_and_all_values() {
        let event = request().proxy_event(Some(json!({"principalId": "p"})));
        assert_eq!(event["headers"]["x-a"], "2");
        assert_eq!(event["multiValueHeaders"]["x-a"], json!(["1", "2"]));
        assert_eq!(event["queryStringParameters"], json!({"a": "2", "b": "&"}));
        assert_eq!(event["multiValueQueryStringParameters"]["a"], json!(["1", "2"]));
        assert_eq!(event["pathParameters"], json!({"id": "a b"}));
        assert_eq!(event["stageVariables"], json!({"domain": "none"}));
        assert_eq!(event["body"], "x\u{fffd}");
        assert_eq!(event["requestContext"]["path"], "/v1/keys/a%20b");
        assert_eq!(event["requestContext"]["requestTime"], "01/Jan/1970:00:00:00 +0000");
        assert_eq!(event["requestContext"]["authorizer"]["principalId"], "p");
    }

    #[test]
    fn an_authorizer_event_has_no_body() {
        let event = request().authorizer_event();
        assert!(event.get("body").is_none());
        assert_eq!(event["type"], "REQUEST");
        assert_eq!(event["methodArn"], "arn:aws:execute-api:eu-central-1:000000000000:local/v1/GET/keys/a%20b");
    }

    #[test]
    fn the_events_are_those_of_the_lambda_event_types() {
        let event = request().proxy_event(Some(json!({"principalId": "p"})));
        let event: ApiGatewayProxyRequest = serde_json::from_value(event).expect("a proxy event");
        assert_eq!(event.resource.as_deref(), Some("/keys/{id}"));
        assert_eq!(event.multi_value_headers.get_all("x-a").iter().count(), 2);
        assert_eq!(event.multi_value_query_string_parameters.all("a"), Some(vec!["1", "2"]));
        assert_eq!(event.request_context.request_id.as_deref(), Some("r-1"));
        assert_eq!(event.request_context.authorizer.fields["principalId"], "p");

        let event = request().authorizer_event();
        let event: ApiGatewayCustomAuthorizerRequestTypeRequest = serde_json::from_value(event).expect("an event");
        assert_eq!(event.method_arn.as_deref(), Some(request().method_arn().as_str()));
        assert_eq!(event.path_parameters["id"], "a b");
        assert_eq!(event.request_context.path.as_deref(), Some("/v1/keys/a%20b"));
    }
}
