//! The tables of the template in an embedded database, on a file or in memory.

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

use crate::{StartError, services::iam::LARGEST_REQUEST};

/// Opens the database and makes the tables that it lacks.
pub(crate) fn open(data: Option<&Path>, tables: &[(Value, Option<String>)]) -> Result<Database, StartError> {
    let failed = |error: String| StartError::new(format!("The embedded database cannot be opened: {error}."));
    let database = match data {
        Some(folder) => {
            let file = folder.join("tables.sqlite");
            Database::new(file.to_str().ok_or_else(|| failed("its path is not UTF-8".into()))?)
        }
        None => Database::memory(),
    }
    .map_err(|error| failed(error.to_string()))?;
    for (input, expires) in tables {
        let name = input["TableName"].as_str().unwrap_or_default();
        make(&database, name, input, expires.as_deref())
            .map_err(|reason| StartError::new(format!("The table {name} of the template cannot be made: {reason}.")))?;
    }
    // On AWS this happens by itself, some time after an item's end.
    database.sweep_ttl().map_err(|error| failed(error.to_string()))?;
    Ok(database)
}

fn make(database: &Database, name: &str, input: &Value, expires: Option<&str>) -> Result<(), String> {
    let request = serde_json::from_value(input.clone()).map_err(|error| error.to_string())?;
    match database.create_table(request) {
        // An earlier start may have made it.
        Ok(_) | Err(DynoxideError::ResourceInUseException(_)) => {}
        Err(error) => return Err(error.to_string()),
    }
    let Some(attribute) = expires else { return Ok(()) };
    let settings = json!({
        "TableName": name, "TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": true},
    });
    let request = serde_json::from_value(settings).map_err(|error| error.to_string())?;
    match database.update_time_to_live(request) {
        // It is set already.
        Ok(_) | Err(DynoxideError::ValidationException(_)) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// The HTTP side: what the database answers at its own address, which only this knows.
pub(crate) fn router(database: String) -> Router {
    let way = (Client::new(), database);
    Router::new().fallback(any(forward)).layer(DefaultBodyLimit::max(LARGEST_REQUEST)).with_state(way)
}

async fn forward(State((client, url)): State<(Client, String)>, mut headers: HeaderMap, body: Bytes) -> Response<Body> {
    headers.remove(HOST);
    let answered = async {
        let answer = client.post(url).headers(headers).body(body).send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok::<_, reqwest::Error>((status, headers, answer.bytes().await?))
    };
    let mut response = Response::default();
    match answered.await {
        Ok((status, headers, bytes)) => {
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            *response.body_mut() = Body::from(bytes);
        }
        Err(error) => {
            tracing::error!(%error, "the embedded database does not answer");
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
    }
    response
}
