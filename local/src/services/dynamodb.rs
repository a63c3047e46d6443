//! `DynamoDB`: the tables of the template in an embedded database, in a file or in memory.

use std::path::Path;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, Response, StatusCode, header::HOST},
    routing::any,
};
use dynoxide::{Database, errors::DynoxideError};
use reqwest::Client;
use serde_json::{Value, json};

use crate::{services::aws_json::MAX_REQUEST_BYTES, start_error::StartError, template::Table};

/// Opens the database and creates the tables that do not exist yet.
pub(crate) fn open(data_dir: Option<&Path>, tables: &[Table]) -> Result<Database, StartError> {
    let failed = |error: String| StartError::new(format!("The embedded database cannot be opened: {error}."));
    let database = match data_dir {
        Some(folder) => {
            let file = folder.join("tables.sqlite");
            Database::new(file.to_str().ok_or_else(|| failed("its path is not UTF-8".into()))?)
        }
        None => Database::memory(),
    }
    .map_err(|error| failed(error.to_string()))?;
    for Table { input, ttl_attribute } in tables {
        let name = input["TableName"].as_str().unwrap_or_default();
        create_table(&database, name, input, ttl_attribute.as_deref())
            .map_err(|reason| StartError::new(format!("The table {name} cannot be created: {reason}.")))?;
    }
    // On AWS, expired items are deleted in the background.
    database.sweep_ttl().map_err(|error| failed(error.to_string()))?;
    Ok(database)
}

fn create_table(database: &Database, name: &str, input: &Value, ttl_attribute: Option<&str>) -> Result<(), String> {
    let request = serde_json::from_value(input.clone()).map_err(|error| error.to_string())?;
    match database.create_table(request) {
        // An existing table of an earlier start is kept.
        Ok(_) | Err(DynoxideError::ResourceInUseException(_)) => {}
        Err(error) => return Err(error.to_string()),
    }
    let Some(attribute) = ttl_attribute else { return Ok(()) };
    let settings = json!({
        "TableName": name, "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": true},
    });
    let request = serde_json::from_value(settings).map_err(|error| error.to_string())?;
    match database.update_time_to_live(request) {
        // `ValidationException`: time to live is already enabled.
        Ok(_) | Err(DynoxideError::ValidationException(_)) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Forwards requests to the database, whose own address is known to this router alone.
pub(crate) fn router(database_url: String) -> Router {
    let state = (Client::new(), database_url);
    Router::new().fallback(any(forward)).layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES)).with_state(state)
}

async fn forward(State((client, url)): State<(Client, String)>, mut headers: HeaderMap, body: Bytes) -> Response<Body> {
    headers.remove(HOST);
    let forwarded = async {
        let response = client.post(url).headers(headers).body(body).send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok::<_, reqwest::Error>((status, headers, response.bytes().await?))
    };
    let mut response = Response::default();
    match forwarded.await {
        Ok((status, headers, bytes)) => {
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            *response.body_mut() = Body::from(bytes);
        }
        Err(error) => {
            tracing::error!(%error, "the embedded database does not respond");
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
    }
    response
}
