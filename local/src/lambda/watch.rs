//! Functions that `cargo lambda watch` runs: invoked over its copy of Lambda's Invoke API.

use std::{collections::BTreeMap, collections::HashMap, sync::Arc, time::Duration};

use serde_json::Value;
use url::Url;

use crate::{StartError, lambda::in_process::Handler, template::Function};

/// It runs on the same machine or close by: one that takes longer to be reached is not there.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// The functions by logical id, at this address.
pub(crate) fn at(address: &Url, declared: &BTreeMap<String, Function>) -> Result<HashMap<String, Handler>, StartError> {
    if !["http", "https"].contains(&address.scheme()) {
        return Err(StartError::new(format!("--functions takes an http address, and not {address}.")));
    }
    let client = reqwest::Client::builder()
        .no_proxy()
        .connect_timeout(CONNECT_LIMIT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| StartError::new(format!("The client for --functions cannot be made: {error}.")))?;
    let mut handlers: HashMap<String, Handler> = HashMap::new();
    for (id, function) in declared {
        let path = format!("2015-03-31/functions/{}/invocations", function.name);
        let base = format!("{}/", address.as_str().trim_end_matches('/'));
        let target = Url::parse(&base).and_then(|base| base.join(&path)).map_err(|error| {
            StartError::new(format!("--functions {address} is not an address to invoke functions at: {error}."))
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
    answer(status.as_u16(), failed, &body)
}

/// What Lambda would report for this reply.
fn answer(status: u16, failed: bool, body: &[u8]) -> Result<Value, String> {
    let value = if body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice::<Value>(body) };
    let message = value.as_ref().ok().and_then(|it| it["errorMessage"].as_str()).map(str::to_owned);
    match value {
        // A function's own answer may hold any field; an error always says its type as well.
        Ok(value) if status == 200 && !failed && !(message.is_some() && value["errorType"].is_string()) => Ok(value),
        _ => Err(message.unwrap_or_else(|| format!("cargo lambda watch answered {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reported_error_is_told_from_an_answer() {
        for (status, failed, body, expected) in [
            (200, false, r#"{"statusCode":204}"#, Ok(json!({"statusCode": 204}))),
            (200, false, "", Ok(Value::Null)),
            (200, false, r#"{"errorType":"E","errorMessage":"Unauthorized"}"#, Err("Unauthorized")),
            (200, true, r#"{"errorMessage":"Unauthorized"}"#, Err("Unauthorized")),
            (500, false, r#"{"errorMessage":"x"}"#, Err("x")),
            (502, false, "<html>", Err("cargo lambda watch answered 502")),
        ] {
            assert_eq!(answer(status, failed, body.as_bytes()), expected.map_err(str::to_owned), "{body}");
        }
    }
}
