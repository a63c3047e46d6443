//! Invokes functions that run in `cargo lambda watch`, which serves Lambda's Invoke API.

use std::{collections::BTreeMap, collections::HashMap, sync::Arc, time::Duration};

use serde_json::Value;
use url::Url;

use crate::{lambda::handler::Handler, start_error::StartError, template::Function};

/// Short, since `cargo lambda watch` runs on this machine or near it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The functions by logical ID, invoked at this address.
pub(crate) fn cargo_lambda_watch(
    address: &Url,
    declared: &BTreeMap<String, Function>,
) -> Result<HashMap<String, Handler>, StartError> {
    if !["http", "https"].contains(&address.scheme()) {
        return Err(StartError::new(format!("--functions takes an HTTP address, not {address}.")));
    }
    let client = reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| StartError::new(format!("The HTTP client for --functions cannot be built: {error}.")))?;
    let mut handlers: HashMap<String, Handler> = HashMap::new();
    for (id, function) in declared {
        let path = format!("2015-03-31/functions/{}/invocations", function.name);
        let base = format!("{}/", address.as_str().trim_end_matches('/'));
        let target = Url::parse(&base).and_then(|base| base.join(&path)).map_err(|error| {
            StartError::new(format!("--functions {address} is not the address of an Invoke API: {error}."))
        })?;
        let (client, timeout) = (client.clone(), function.timeout);
        handlers.insert(
            id.clone(),
            Arc::new(move |event| Box::pin(invoke(client.clone(), target.clone(), timeout, event))),
        );
    }
    Ok(handlers)
}

async fn invoke(client: reqwest::Client, target: Url, limit: Duration, event: Value) -> Result<Value, String> {
    let request = client.post(target).timeout(limit).header("content-type", "application/json");
    let response = request.body(event.to_string()).send().await.map_err(|error| error.to_string())?;
    let status = response.status();
    let failed = response.headers().contains_key("x-amz-function-error");
    let body = response.bytes().await.map_err(|error| error.to_string())?;
    result(status.as_u16(), failed, &body)
}

/// What Lambda reports for a response of the Invoke API.
fn result(status: u16, failed: bool, body: &[u8]) -> Result<Value, String> {
    let value = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice::<Value>(body) };
    let message = value.as_ref().ok().and_then(|it| it["errorMessage"].as_str()).map(str::to_owned);
    match value {
        // A response may have any field, but only an error has both a message and a type.
        Ok(value) if status == 200 && !failed && !(message.is_some() && value["errorType"].is_string()) => Ok(value),
        _ => Err(message.unwrap_or_else(|| format!("cargo lambda watch responded with status {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_is_distinguished_from_a_response() {
        for (status, failed, body, expected) in [
            (200, false, r#"{"statusCode":204}"#, Ok(json!({"statusCode": 204}))),
            (200, false, "", Ok(Value::Null)),
            (200, false, r#"{"errorType":"E","errorMessage":"Unauthorized"}"#, Err("Unauthorized")),
            (200, true, r#"{"errorMessage":"Unauthorized"}"#, Err("Unauthorized")),
            (500, false, r#"{"errorMessage":"x"}"#, Err("x")),
            (502, false, "<html>", Err("cargo lambda watch responded with status 502")),
        ] {
            assert_eq!(result(status, failed, body.as_bytes()), expected.map_err(str::to_owned), "{body}");
        }
    }
}
