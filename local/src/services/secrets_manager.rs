//! Secrets Manager: the secrets of the template, generated at the first start, with their current version only.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{Router, body::Body, body::Bytes, extract::State, http::HeaderMap, http::Response, routing::post};
use rand::seq::IndexedRandom as _;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::data_dir::owner_only;
use crate::services::aws_json::{client_error, server_error, success, target};
use crate::start_error::StartError;
use crate::template::SecretSettings;
use crate::template::values::{ACCOUNT_ID, REGION, arn_name, integer};

/// The staging label of the current version.
const CURRENT: &str = "AWSCURRENT";

/// The secrets, and the file in which they are stored.
pub(crate) struct Secrets {
    file: Option<PathBuf>,
    versions: Mutex<BTreeMap<String, Version>>,
}

/// The current version of a secret.
#[derive(Clone, PartialEq)]
struct Version {
    id: String,
    value: String,
}

impl Secrets {
    /// Reads the stored secrets and generates those that are missing.
    pub(crate) fn open(data_dir: Option<&Path>, declared: &[SecretSettings]) -> Result<Self, StartError> {
        let file = data_dir.map(|folder| folder.join("secrets.json"));
        let failed = |error: &dyn std::fmt::Display| {
            StartError::new(format!("The secrets cannot be stored in secrets.json of the data folder: {error}."))
        };
        let stored: BTreeMap<String, String> = match file.as_ref().map(fs::read) {
            Some(Ok(bytes)) => serde_json::from_slice(&bytes).map_err(|error| failed(&error))?,
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&error)),
            _ => BTreeMap::new(),
        };
        let version = |value| Version { id: Uuid::new_v4().to_string(), value };
        let mut versions: BTreeMap<_, _> = stored.into_iter().map(|(name, value)| (name, version(value))).collect();
        let stored = versions.len();
        for secret in declared {
            if !versions.contains_key(&secret.name) {
                let value = generate(&secret.generate).ok_or_else(|| {
                    StartError::new(format!("The secret {} of the template cannot be generated.", secret.name))
                })?;
                versions.insert(secret.name.clone(), version(value));
            }
        }
        if let Some(file) = file.as_ref().filter(|_| versions.len() > stored) {
            persist(file, &versions).map_err(|error| failed(&error))?;
        }
        Ok(Self { file, versions: Mutex::new(versions) })
    }

    fn versions(&self) -> MutexGuard<'_, BTreeMap<String, Version>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The text with its dynamic references, `{{resolve:secretsmanager:NAME}}`, replaced by the secrets; an error names
    /// the one that does not exist.
    pub(crate) fn resolve_references(&self, text: &str) -> Result<String, StartError> {
        const START: &str = "{{resolve:secretsmanager:";
        let (mut resolved, mut rest) = (String::new(), text);
        while let Some((before, reference)) = rest.split_once(START) {
            let (name, after) = reference.split_once("}}").unwrap_or((reference, ""));
            let missing =
                || StartError::new(format!("The template refers to the secret {name}, which does not exist."));
            resolved.push_str(before);
            resolved.push_str(&self.versions().get(name).ok_or_else(missing)?.value);
            rest = after;
        }
        resolved.push_str(rest);
        Ok(resolved)
    }

    fn get(&self, request: &Value) -> Response<Body> {
        let name = secret_name(request);
        let version = self.versions().get(&name).cloned();
        let Some(Version { id, value }) = version else { return not_found() };
        let other_version = request["VersionId"].as_str().is_some_and(|requested| requested != id)
            || request["VersionStage"].as_str().is_some_and(|stage| stage != CURRENT);
        if other_version {
            return client_error(
                "ResourceNotFoundException",
                "This machine keeps only the current version of a secret.",
            );
        }
        let mut output = describe(&name, &id);
        output["SecretString"] = value.into();
        output["CreatedDate"] = json!(0.0);
        success(&output)
    }

    /// Puts a new current version. A repeated request with the same token changes nothing.
    fn put(&self, request: &Value) -> Response<Body> {
        let name = secret_name(request);
        let Some(value) = request["SecretString"].as_str().filter(|value| !value.is_empty()) else {
            return client_error("InvalidParameterException", "You must provide a SecretString.");
        };
        let stages = request["VersionStages"].as_array();
        if stages.is_some_and(|stages| stages.iter().ne([CURRENT])) {
            return client_error("InvalidParameterException", "This machine supports only the stage AWSCURRENT.");
        }
        let id = request["ClientRequestToken"].as_str().map_or_else(|| Uuid::new_v4().to_string(), str::to_owned);
        let new = Version { id, value: value.to_owned() };
        let mut versions = self.versions();
        match versions.get(&name) {
            None => return not_found(),
            Some(current) if current.id == new.id && *current != new => {
                return client_error(
                    "ResourceExistsException",
                    "A version with this token exists, with another value.",
                );
            }
            Some(_) => {}
        }
        let mut changed = versions.clone();
        changed.insert(name.clone(), new.clone());
        if let Some(file) = &self.file
            && let Err(error) = persist(file, &changed)
        {
            tracing::error!(%error, "a secret cannot be stored");
            return server_error("The secret cannot be stored.");
        }
        *versions = changed;
        success(&describe(&name, &new.id))
    }
}

/// The name of the secret in a request, which has the name or the ARN.
fn secret_name(request: &Value) -> String {
    arn_name(request["SecretId"].as_str().unwrap_or_default())
}

fn describe(name: &str, version: &str) -> Value {
    json!({
        "ARN": format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT_ID}:secret:{name}"),
        "Name": name,
        "VersionId": version,
        "VersionStages": [CURRENT],
    })
}

fn not_found() -> Response<Body> {
    client_error("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

/// Replaces the file; only its owner can read it.
fn persist(file: &Path, versions: &BTreeMap<String, Version>) -> io::Result<()> {
    let values: BTreeMap<_, _> = versions.iter().map(|(name, version)| (name, &version.value)).collect();
    let new = file.with_extension("json.new");
    let mut out = owner_only(OpenOptions::new().write(true).create(true).truncate(true)).open(&new)?;
    out.write_all(&serde_json::to_vec_pretty(&values)?)?;
    out.sync_all()?;
    fs::rename(new, file)
}

/// Generates a value from `GenerateSecretString`; `None` if the settings are invalid.
fn generate(settings: &Value) -> Option<String> {
    settings.as_object()?;
    let enabled = |name: &str| settings[name] == true || settings[name] == "true";
    let mut alphabet: Vec<char> = Vec::new();
    for (exclude, characters) in [
        ("ExcludeLowercase", "abcdefghijklmnopqrstuvwxyz"),
        ("ExcludeUppercase", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ("ExcludeNumbers", "0123456789"),
        ("ExcludePunctuation", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    ] {
        if !enabled(exclude) {
            alphabet.extend(characters.chars());
        }
    }
    let excluded = settings["ExcludeCharacters"].as_str().unwrap_or_default();
    alphabet.retain(|character| !excluded.contains(*character));
    let length = usize::try_from(integer(&settings["PasswordLength"]).unwrap_or(32)).ok()?;
    if alphabet.is_empty() || length == 0 || length > 4096 {
        return None;
    }
    let mut rng = rand::rng();
    let password: String = std::iter::repeat_with(|| alphabet.choose(&mut rng)).take(length).flatten().collect();
    match (settings["SecretStringTemplate"].as_str(), settings["GenerateStringKey"].as_str()) {
        (Some(template), Some(key)) => {
            let mut object: Map<String, Value> = serde_json::from_str(template).ok()?;
            object.insert(key.to_owned(), password.into());
            Some(Value::from(object).to_string())
        }
        (None, None) => Some(password),
        _ => None,
    }
}

/// Serves the secrets.
pub(crate) fn router(secrets: Secrets) -> Router {
    Router::new().route("/", post(handle)).with_state(Arc::new(secrets))
}

async fn handle(State(secrets): State<Arc<Secrets>>, headers: HeaderMap, body: Bytes) -> Response<Body> {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    match target(&headers) {
        "secretsmanager.GetSecretValue" => secrets.get(&request),
        "secretsmanager.PutSecretValue" => secrets.put(&request),
        _ => client_error("InvalidRequestException", "This machine supports only GetSecretValue and PutSecretValue."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_secret_follows_its_settings() {
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

    #[test]
    fn a_dynamic_reference_is_the_current_value() {
        let declared = ["A", "B"].map(|name| SecretSettings { name: name.to_owned(), generate: json!({}) });
        let secrets = Secrets::open(None, &declared).expect("secrets");
        let value = |name: &str| secrets.versions()[name].value.clone();
        let reference = |name: &str| format!("{{{{resolve:secretsmanager:{name}}}}}");
        let resolved = secrets.resolve_references(&format!("a {} b {} c", reference("A"), reference("B")));
        assert_eq!(resolved.expect("secrets"), format!("a {} b {} c", value("A"), value("B")));
        assert_eq!(secrets.resolve_references("{{none}}").expect("no reference"), "{{none}}");
        assert!(secrets.resolve_references(&reference("C")).is_err());
    }

    #[test]
    fn a_new_version_is_current_and_survives_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let declared = [SecretSettings { name: "Secret".to_owned(), generate: json!({}) }];
        let open = || Secrets::open(Some(folder.path()), &declared).expect("secrets");
        let secrets = open();
        let put = |token: &str, value: &str| {
            let request = json!({"SecretId": "Secret", "ClientRequestToken": token, "SecretString": value});
            secrets.put(&request).status().as_u16()
        };
        let value = |secrets: &Secrets| secrets.versions()["Secret"].value.clone();

        assert_eq!((put("1", "first"), put("2", "second"), put("2", "second")), (200, 200, 200));
        assert_eq!(put("2", "another"), 400, "a token identifies one value");
        assert_eq!(value(&secrets), "second");
        assert_eq!(value(&open()), "second");
        for invalid in [
            json!({"SecretId": "Missing", "SecretString": "x"}),
            json!({"SecretId": "Secret"}),
            json!({"SecretId": "Secret", "SecretString": "x", "VersionStages": ["AWSPENDING"]}),
        ] {
            assert_eq!(secrets.put(&invalid).status(), 400, "{invalid}");
        }
        let old = json!({"SecretId": "Secret", "VersionStage": "AWSPREVIOUS"});
        assert_eq!((secrets.get(&old).status().as_u16(), value(&secrets)), (400, "second".to_owned()));
    }
}
