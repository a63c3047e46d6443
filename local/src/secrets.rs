//! Secrets Manager, as far as a function uses it: the secrets of the template, made at the first start.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::Path,
    sync::Arc,
};

use axum::{Router, body::Body, body::Bytes, extract::State, http::HeaderMap, http::Response, routing::post};
use serde_json::{Map, Value, json};

use crate::{
    StartError, random,
    service::{error, reply, target},
    template::{
        SecretSettings,
        intrinsics::{ACCOUNT, REGION},
        number,
    },
};

/// The secrets by name.
pub(crate) struct Secrets(BTreeMap<String, String>);

impl Secrets {
    /// Reads the secrets that the folder keeps and makes those that it lacks.
    pub(crate) fn open(data: Option<&Path>, declared: &[SecretSettings]) -> Result<Self, StartError> {
        let file = data.map(|folder| folder.join("secrets.json"));
        let failed = |error: &dyn std::fmt::Display| {
            StartError::new(format!("The secrets in the data folder cannot be kept in secrets.json: {error}."))
        };
        let mut secrets: BTreeMap<String, String> = match file.as_ref().map(fs::read) {
            Some(Ok(bytes)) => serde_json::from_slice(&bytes).map_err(|error| failed(&error))?,
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&error)),
            _ => BTreeMap::new(),
        };
        let known = secrets.len();
        for secret in declared {
            if !secrets.contains_key(&secret.name) {
                let value = generate(&secret.generate).ok_or_else(|| {
                    StartError::new(format!("The secret {} of the template cannot be generated.", secret.name))
                })?;
                secrets.insert(secret.name.clone(), value);
            }
        }
        if let Some(file) = file.filter(|_| secrets.len() > known) {
            keep(&file, &secrets).map_err(|error| failed(&error))?;
        }
        Ok(Self(secrets))
    }
}

/// Writes the file anew, for its owner alone.
fn keep(file: &Path, secrets: &BTreeMap<String, String>) -> io::Result<()> {
    let new = file.with_extension("json.new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(&new)?;
    out.write_all(&serde_json::to_vec_pretty(secrets)?)?;
    out.sync_all()?;
    fs::rename(new, file)
}

/// A value as `GenerateSecretString` describes it, if it is a description.
fn generate(settings: &Value) -> Option<String> {
    settings.as_object()?;
    let flag = |name: &str| settings[name] == true || settings[name] == "true";
    let mut alphabet: Vec<char> = Vec::new();
    for (excluded, letters) in [
        ("ExcludeLowercase", "abcdefghijklmnopqrstuvwxyz"),
        ("ExcludeUppercase", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ("ExcludeNumbers", "0123456789"),
        ("ExcludePunctuation", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    ] {
        if !flag(excluded) {
            alphabet.extend(letters.chars());
        }
    }
    let unwanted = settings["ExcludeCharacters"].as_str().unwrap_or_default();
    alphabet.retain(|letter| !unwanted.contains(*letter));
    let length = usize::try_from(number(&settings["PasswordLength"]).unwrap_or(32)).ok()?;
    if alphabet.is_empty() || length == 0 || length > 4096 {
        return None;
    }
    let made = random::string(&alphabet, length);
    match (settings["SecretStringTemplate"].as_str(), settings["GenerateStringKey"].as_str()) {
        (Some(template), Some(key)) => {
            let mut object: Map<String, Value> = serde_json::from_str(template).ok()?;
            object.insert(key.to_owned(), made.into());
            Some(Value::from(object).to_string())
        }
        (None, None) => Some(made),
        _ => None,
    }
}

/// The HTTP side.
pub(crate) fn router(secrets: Secrets) -> Router {
    Router::new().route("/", post(answer)).with_state(Arc::new(secrets))
}

async fn answer(State(secrets): State<Arc<Secrets>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    if target(&headers) != "secretsmanager.GetSecretValue" {
        return error("InvalidRequestException", "This machine only answers GetSecretValue.");
    }
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let id = request["SecretId"].as_str().unwrap_or_default();
    let name = id.rsplit(':').next().unwrap_or_default();
    match secrets.0.get(name) {
        Some(value) => reply(&json!({
            "ARN": format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}"),
            "Name": name,
            "SecretString": value,
            "VersionId": "00000000-0000-4000-8000-000000000000",
            "VersionStages": ["AWSCURRENT"],
            "CreatedDate": 0.0,
        })),
        None => error("ResourceNotFoundException", "Secrets Manager can't find the specified secret."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_secret_follows_its_description() {
        let settings = json!({"SecretStringTemplate": "{\"old\": []}", "GenerateStringKey": "current",
            "PasswordLength": 64, "ExcludePunctuation": true});
        let secret: Value = serde_json::from_str(&generate(&settings).expect("a secret")).expect("JSON");
        let current = secret["current"].as_str().expect("text");
        assert_eq!(current.len(), 64);
        assert!(current.chars().all(|letter| letter.is_ascii_alphanumeric()));
        assert_eq!(secret["old"], json!([]));
        assert_eq!(generate(&json!({})).map(|it| it.len()), Some(32));
        assert_eq!(generate(&Value::Null), None);
    }
}
