//! `DynamoDB`: the tables of the template in an embedded database, in a file or in memory.

use std::{fs::OpenOptions, path::Path};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, Response, StatusCode},
    routing::post,
};
use dynoxide::{Database, errors::DynoxideError};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::data_dir::owner_only;
use crate::services::aws_json::{MAX_REQUEST_BYTES, client_error, response, target};
use crate::{start_error::StartError, template::Table};

/// Opens the database and creates the tables that do not exist yet.
pub(crate) fn open(data_dir: Option<&Path>, tables: &[Table]) -> Result<Database, StartError> {
    let failed = |error: String| StartError::new(format!("The embedded database cannot be opened: {error}."));
    let database = match data_dir {
        Some(folder) => {
            let file = folder.join("tables.sqlite");
            // SQLite gives its other files the mode of this one.
            owner_only(OpenOptions::new().create(true).append(true))
                .open(&file)
                .map_err(|it| failed(it.to_string()))?;
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

/// Serves the tables.
pub(crate) fn router(database: Database) -> Router {
    Router::new().route("/", post(handle)).layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES)).with_state(database)
}

async fn handle(State(database): State<Database>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let operation = target(&headers).strip_prefix("DynamoDB_20120810.").unwrap_or_default();
    match perform(&database, operation, &body) {
        Some(Ok(output)) => response(StatusCode::OK, output),
        Some(Err(error)) => {
            let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            response(status, error.to_json())
        }
        None => client_error("com.amazon.coral.service#UnknownOperationException", "This operation is not supported."),
    }
}

/// The output of an operation; `None` for one that this machine does not support. The database is called here, and not
/// behind its own server, which would be a port without a credential.
fn perform(database: &Database, operation: &str, body: &[u8]) -> Option<Result<String, DynoxideError>> {
    Some(match operation {
        "BatchGetItem" => call(body, |input| database.batch_get_item(input)),
        "BatchWriteItem" => call(body, |input| database.batch_write_item(input)),
        "CreateTable" => call(body, |input| database.create_table(input)),
        "DeleteItem" => call(body, |input| database.delete_item(input)),
        "DeleteTable" => call(body, |input| database.delete_table(input)),
        "DescribeTable" => call(body, |input| database.describe_table(input)),
        "DescribeTimeToLive" => call(body, |input| database.describe_time_to_live(input)),
        "GetItem" => call(body, |input| database.get_item(input)),
        "ListTables" => call(body, |input| database.list_tables(input)),
        "PutItem" => call(body, |input| database.put_item(input)),
        "Query" => call(body, |input| database.query(input)),
        "Scan" => call(body, |input| database.scan(input)),
        "TransactGetItems" => call(body, |input| database.transact_get_items(input)),
        "TransactWriteItems" => call(body, |input| database.transact_write_items(input)),
        "UpdateItem" => call(body, |input| database.update_item(input)),
        _ => return None,
    })
}

fn call<I: DeserializeOwned, O: Serialize>(
    body: &[u8],
    operation: impl FnOnce(I) -> Result<O, DynoxideError>,
) -> Result<String, DynoxideError> {
    let input = serde_json::from_slice(body);
    let output = operation(input.map_err(|error| DynoxideError::SerializationException(error.to_string()))?)?;
    serde_json::to_string(&output).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}
