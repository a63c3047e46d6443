//! Secrets Manager, as far as a function uses it and a rotation needs it: the secrets of the template, made at the first
//! start, and new values of them.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{Router, body::Body, body::Bytes, extract::State, http::HeaderMap, http::Response, routing::post};
use serde_json::{Map, Value, json};

use crate::{
    StartError, random,
    services::aws_json::{error, fault, reply, target},
    template::{
        SecretSettings,
        intrinsics::{ACCOUNT, REGION},
        number,
    },
};

/// The secrets by name, and the file that keeps them.
pub(crate) struct Secrets {
    file: Option<PathBuf>,
    values: Mutex<BTreeMap<String, Version>>,
}

/// The current value of a secret.
#[derive(Clone, PartialEq)]
struct Version {
    id: String,
    value: String,
}

impl Secrets {
    /// Reads the secrets that the folder keeps and makes those that it lacks.
    pub(crate) fn open(data: Option<&Path>, declared: &[SecretSettings]) -> Result<Self, StartError> {
        let file = data.map(|folder| folder.join("secrets.json"));
        let failed = |error: &dyn std::fmt::Display| {
            StartError::new(format!("The secrets in the data folder cannot be kept in secrets.json: {error}."))
        };
        let kept: BTreeMap<String, String> = match file.as_ref().map(fs::read) {
            Some(Ok(bytes)) => serde_json::from_slice(&bytes).map_err(|error| failed(&error))?,
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&error)),
            _ => BTreeMap::new(),
        };
        let version = |value| Version { id: random::uuid(), value };
        let mut values: BTreeMap<_, _> = kept.into_iter().map(|(name, value)| (name, version(value))).collect();
        let known = values.len();
        for secret in declared {
            if !values.contains_key(&secret.name) {
                let value = generate(&secret.generate).ok_or_else(|| {
                    StartError::new(format!("The secret {} of the template cannot be generated.", secret.name))
                })?;
                values.insert(secret.name.clone(), version(value));
            }
        }
        if let Some(file) = file.as_ref().filter(|_| values.len() > known) {
            keep(file, &values).map_err(|error| failed(&error))?;
        }
        Ok(Self { file, values: Mutex::new(values) })
    }

    fn values(&self) -> MutexGuard<'_, BTreeMap<String, Version>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, request: &Value) -> Response<Body> {
        let name = named(request);
        let version = self.values().get(name).cloned();
        let Some(Version { id, value }) = version else { return unknown() };
        let other = request["VersionId"].as_str().is_some_and(|asked| asked != id)
            || request["VersionStage"].as_str().is_some_and(|stage| stage != CURRENT);
        if other {
            return error("ResourceNotFoundException", "This machine keeps only the current version of a secret.");
        }
        let mut answer = described(name, &id);
        answer["SecretString"] = value.into();
        answer["CreatedDate"] = json!(0.0);
        reply(&answer)
    }

    /// A new value becomes the current one; the same request again changes nothing.
    fn put(&self, request: &Value) -> Response<Body> {
        let name = named(request);
        let Some(value) = request["SecretString"].as_str().filter(|value| !value.is_empty()) else {
            return error("InvalidParameterException", "You must provide a SecretString.");
        };
        let stages = request["VersionStages"].as_array();
        if stages.is_some_and(|stages| stages.iter().ne([CURRENT])) {
            return error("InvalidParameterException", "This machine knows only the stage AWSCURRENT.");
        }
        let id = request["ClientRequestToken"].as_str().map_or_else(random::uuid, str::to_owned);
        let new = Version { id, value: value.to_owned() };
        let mut values = self.values();
        match values.get(name) {
            None => return unknown(),
            Some(known) if known.id == new.id && *known != new => {
                return error("ResourceExistsException", "A version with this token exists, with another value.");
            }
            Some(_) => {}
        }
        let mut changed = values.clone();
        changed.insert(name.to_owned(), new.clone());
        if let Some(file) = &self.file
            && let Err(error) = keep(file, &changed)
        {
            tracing::error!(%error, "a secret cannot be kept");
            return fault("The secret cannot be kept.");
        }
        *values = changed;
        reply(&described(name, &new.id))
    }
}

/// The label of the version that is in use.
const CURRENT: &str = "AWSCURRENT";

/// The name of the secret that a request is about, which may give its ARN.
fn named(request: &Value) -> &str {
    request["SecretId"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default()
}

fn described(name: &str, version: &str) -> Value {
    json!({
        "ARN": format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}"),
        "Name": name,
        "VersionId": version,
        "VersionStages": [CURRENT],
    })
}

fn unknown() -> Response<Body> {
    error("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

/// Writes the file anew, for its owner alone.
fn keep(file: &Path, secrets: &BTreeMap<String, Version>) -> io::Result<()> {
    let values: BTreeMap<_, _> = secrets.iter().map(|(name, version)| (name, &version.value)).collect();
    let new = file.with_extension("json.new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(&new)?;
    out.write_all(&serde_json::to_vec_pretty(&values)?)?;
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
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    match target(&headers) {
        "secretsmanager.GetSecretValue" => secrets.get(&request),
        "secretsmanager.PutSecretValue" => secrets.put(&request),
        _ => error("InvalidRequestException", "This machine only answers GetSecretValue and PutSecretValue."),
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

    #[test]
    fn a_value_that_was_put_is_current_and_outlives_a_restart() {
        let folder = crate::Scratch::new().expect("a folder");
        let declared = [SecretSettings { name: "Secret".to_owned(), generate: json!({}) }];
        let open = || Secrets::open(Some(&folder.0), &declared).expect("secrets");
        let secrets = open();
        let put = |token: &str, value: &str| {
            let request = json!({"SecretId": "Secret", "ClientRequestToken": token, "SecretString": value});
            secrets.put(&request).status().as_u16()
        };
        let value = |secrets: &Secrets| secrets.values()["Secret"].value.clone();

        assert_eq!((put("1", "first"), put("2", "second"), put("2", "second")), (200, 200, 200));
        assert_eq!(put("2", "another"), 400, "a token stands for one value");
        assert_eq!(value(&secrets), "second");
        assert_eq!(value(&open()), "second");
        for wrong in [
            json!({"SecretId": "Nobody", "SecretString": "x"}),
            json!({"SecretId": "Secret"}),
            json!({"SecretId": "Secret", "SecretString": "x", "VersionStages": ["AWSPENDING"]}),
        ] {
            assert_eq!(secrets.put(&wrong).status(), 400, "{wrong}");
        }
        let old = json!({"SecretId": "Secret", "VersionStage": "AWSPREVIOUS"});
        assert_eq!((secrets.get(&old).status().as_u16(), value(&secrets)), (400, "second".to_owned()));
    }
}
