//! The events that API Gateway makes of a request: one for the authorizer, one for the function behind the route.

use std::{collections::BTreeMap, net::IpAddr};

use axum::body::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::template::intrinsics::{ACCOUNT, REGION};

/// A request under the stage, as it came, with the route that it takes.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) method: String,
    /// The path of the route, such as `/keys/{id}`.
    pub(crate) resource: String,
    pub(crate) stage: String,
    /// The path below the stage, as in the request line.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) protocol: String,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    pub(crate) source: IpAddr,
    pub(crate) received: Timestamp,
}

impl Call {
    /// What a policy must cover for the request to be allowed.
    pub(crate) fn method_arn(&self) -> String {
        let path = self.path.trim_start_matches('/');
        format!("arn:aws:execute-api:{REGION}:{ACCOUNT}:local/{}/{}/{path}", self.stage, self.method)
    }

    /// The first value of a header, whatever the spelling of its name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(sent, _)| sent.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The value of a `$context` name, with what the authorizer said.
    pub(crate) fn variable(&self, name: &str, authorizer: &Value) -> Option<String> {
        if let Some(name) = name.strip_prefix("authorizer.") {
            let claim = name.strip_prefix("claims.");
            let value = claim.map_or_else(|| &authorizer[name], |claim| &authorizer["claims"][claim]);
            return value.as_str().map(str::to_owned);
        }
        let context = self.context();
        let value = name.split('.').fold(&context, |value, part| &value[part]);
        value.as_str().map(str::to_owned).or_else(|| value.as_i64().map(|number| number.to_string()))
    }

    /// The REQUEST event of a Lambda authorizer. It never holds the body.
    pub(crate) fn authorizer_event(&self) -> Value {
        let mut event = self.common();
        event.insert("type".into(), "REQUEST".into());
        event.insert("methodArn".into(), self.method_arn().into());
        event.insert("requestContext".into(), self.context());
        event.into()
    }

    /// The proxy event of a function, with what the authorizer said.
    pub(crate) fn proxy_event(&self, authorizer: Option<Value>) -> Value {
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
        let (headers, many_headers) = single_and_many(self.headers.iter().cloned());
        let (query, many_query) = single_and_many(query);
        let parameters = if self.parameters.is_empty() { Value::Null } else { json!(self.parameters) };
        let event = json!({
            "resource": self.resource,
            "path": self.path,
            "httpMethod": self.method,
            "headers": headers,
            "multiValueHeaders": many_headers,
            "queryStringParameters": query,
            "multiValueQueryStringParameters": many_query,
            "pathParameters": parameters,
            "stageVariables": null,
        });
        match event {
            Value::Object(event) => event,
            _ => Map::new(),
        }
    }

    fn context(&self) -> Value {
        let host = self.header("host").unwrap_or_default();
        json!({
            "accountId": ACCOUNT,
            "apiId": "local",
            "deploymentId": "local",
            "domainName": host,
            "domainPrefix": host.split('.').next(),
            "extendedRequestId": self.id,
            "httpMethod": self.method,
            "identity": {
                "accessKey": null, "accountId": null, "caller": null, "cognitoAuthenticationProvider": null,
                "cognitoAuthenticationType": null, "cognitoIdentityId": null, "cognitoIdentityPoolId": null,
                "principalOrgId": null, "sourceIp": self.source.to_string(), "user": null,
                "userAgent": self.header("user-agent"), "userArn": null,
            },
            "path": format!("/{}{}", self.stage, self.path),
            "protocol": self.protocol,
            "requestId": self.id,
            "requestTime": self.received.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "requestTimeEpoch": self.received.as_millisecond(),
            "resourceId": "local",
            "resourcePath": self.resource,
            "stage": self.stage,
        })
    }
}

/// Each name with its last value, and each name with all of them; null when there is none.
fn single_and_many(pairs: impl Iterator<Item = (String, String)>) -> (Value, Value) {
    let mut many: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in pairs {
        many.entry(name).or_default().push(value);
    }
    if many.is_empty() {
        return (Value::Null, Value::Null);
    }
    let single: BTreeMap<_, _> = many.iter().map(|(name, values)| (name, values.last())).collect();
    (json!(single), json!(many))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn call() -> Call {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Call {
            id: "r-1".into(),
            method: "GET".into(),
            resource: "/keys/{id}".into(),
            stage: "v1".into(),
            path: "/keys/a%20b".into(),
            query: "a=1&a=2&b=%26".into(),
            protocol: "HTTP/1.1".into(),
            parameters: [("id".to_owned(), "a b".to_owned())].into(),
            headers: vec![header("Host", "h"), header("X-A", "1"), header("X-A", "2")],
            body: Bytes::from_static(b"x\xff"),
            source: [127, 0, 0, 1].into(),
            received: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_last_value_wins_and_all_are_there() {
        let event = call().proxy_event(Some(json!({"principalId": "p"})));
        assert_eq!(event["headers"]["X-A"], "2");
        assert_eq!(event["multiValueHeaders"]["X-A"], json!(["1", "2"]));
        assert_eq!(event["queryStringParameters"], json!({"a": "2", "b": "&"}));
        assert_eq!(event["multiValueQueryStringParameters"]["a"], json!(["1", "2"]));
        assert_eq!(event["pathParameters"], json!({"id": "a b"}));
        assert_eq!(event["body"], "x\u{fffd}");
        assert_eq!(event["requestContext"]["path"], "/v1/keys/a%20b");
        assert_eq!(event["requestContext"]["requestTime"], "01/Jan/1970:00:00:00 +0000");
        assert_eq!(event["requestContext"]["authorizer"]["principalId"], "p");
    }

    #[test]
    fn the_authorizer_sees_no_body() {
        let event = call().authorizer_event();
        assert!(event.get("body").is_none());
        assert_eq!(event["type"], "REQUEST");
        assert_eq!(event["methodArn"], "arn:aws:execute-api:eu-central-1:000000000000:local/v1/GET/keys/a%20b");
    }
}
