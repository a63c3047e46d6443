//! Each function's environment: the template's variables, and the endpoints of the services on this machine.

use std::{
    collections::{BTreeMap, HashMap},
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::{
    data_dir::owner_only,
    start_error::StartError,
    template::{Function, values::REGION},
};

/// The endpoints of the services on this machine.
pub(crate) struct ServiceEndpoints<'a> {
    pub(crate) dynamodb: &'a str,
    pub(crate) sqs: &'a str,
    pub(crate) secrets_manager: &'a str,
    /// What the services require of each request.
    pub(crate) session_token: &'a str,
    /// `HOST:PORT` of push services that are allowed over plain HTTP.
    pub(crate) push_hosts: &'a [String],
    /// The path of the test browser.
    pub(crate) test_browser: &'a str,
    /// What the console is told about signing in, by the names of the variables.
    pub(crate) sign_in: [(&'static str, &'a str); 2],
}

impl ServiceEndpoints<'_> {
    /// The environment of a function in this process. Its access key is its logical ID, which tells the services its
    /// role.
    pub(crate) fn environment(&self, id: &str, function: &Function) -> HashMap<String, String> {
        let mut all: HashMap<_, _> = self.common(function).into_iter().collect();
        all.insert("AWS_LAMBDA_FUNCTION_NAME".to_owned(), function.name.clone());
        all.insert("AWS_ACCESS_KEY_ID".to_owned(), id.to_owned());
        all
    }

    fn common(&self, function: &Function) -> BTreeMap<String, String> {
        let mut all = function.environment.clone();
        if let Some(hosts) = all.get_mut("PUSH_HOSTS") {
            for host in self.push_hosts {
                hosts.push_str(",http://");
                hosts.push_str(host);
            }
        }
        for (name, value) in self.sign_in {
            all.entry(name.to_owned()).and_modify(|given| value.clone_into(given));
        }
        // A rotated secret is used immediately, since reading it costs nothing here. The console offers the test browser.
        let local = [("VAPID_MAX_AGE", "0"), ("TEST_BROWSER", self.test_browser)];
        for (name, value) in self.aws().into_iter().chain(local) {
            all.insert(name.to_owned(), value.to_owned());
        }
        all
    }

    /// The variables of the AWS SDKs and the AWS CLI. The services check the session token; an access key of no function
    /// has no restrictions.
    fn aws(&self) -> [(&'static str, &str); 8] {
        [
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("AWS_SESSION_TOKEN", self.session_token),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb),
            ("AWS_ENDPOINT_URL_SQS", self.sqs),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.secrets_manager),
        ]
    }

    /// Writes the variables for a shell, in which the AWS CLI then uses the services.
    pub(crate) fn write_aws_file(&self, folder: &Path) -> Result<PathBuf, StartError> {
        write(folder.join("aws.env"), self.aws().map(|(name, value)| format!("export {name}={value}\n")).concat())
    }

    /// Writes one environment for all functions, for `cargo lambda watch --env-file`.
    pub(crate) fn write_env_file(
        &self,
        functions: &BTreeMap<String, Function>,
        folder: &Path,
    ) -> Result<PathBuf, StartError> {
        let mut all: BTreeMap<String, String> = BTreeMap::new();
        for function in functions.values() {
            for (name, value) in self.common(function) {
                if all.get(&name).is_some_and(|other| *other != value) {
                    return Err(StartError::new(format!(
                        "The template gives {name} different values in different functions, and cargo lambda watch \
                         takes one environment for all."
                    )));
                }
                all.insert(name, value);
            }
        }
        let lines: Vec<String> = all.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        write(folder.join("functions.env"), lines.concat())
    }
}

/// Writes a file with credentials.
fn write(file: PathBuf, text: String) -> Result<PathBuf, StartError> {
    let written = owner_only(OpenOptions::new().create(true).write(true).truncate(true))
        .open(&file)
        .and_then(|mut out| out.write_all(text.as_bytes()));
    written.map_err(|error| StartError::new(format!("{} cannot be written: {error}.", file.display())))?;
    Ok(file)
}

/// Rejects anything but `HOST:PORT`.
pub(crate) fn check_push_host(given: &str) -> Result<(), StartError> {
    let (host, port) = given.rsplit_once(':').unwrap_or_default();
    let valid_host = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._[]:".contains(c));
    if valid_host && port.parse::<u16>().is_ok_and(|port| port > 0) {
        return Ok(());
    }
    Err(StartError::new(format!("--push-host takes HOST:PORT, such as 127.0.0.1:8090, not {given}.")))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_environment_has_the_endpoints_of_the_services() {
        let function = Function {
            name: "put-subscription".into(),
            timeout: Duration::from_secs(1),
            environment: [("PUSH_HOSTS".to_owned(), "a.example".to_owned())].into(),
        };
        let push_hosts = ["127.0.0.1:1".to_owned(), "localhost:2".to_owned()];
        let endpoints = ServiceEndpoints {
            dynamodb: "http://d",
            sqs: "http://q",
            secrets_manager: "http://s",
            session_token: "t",
            push_hosts: &push_hosts,
            test_browser: "/b",
            sign_in: [("SIGN_IN_URL", "http://u"), ("SIGN_IN_ISSUER", "http://i")],
        };
        let all = endpoints.environment("PutSubscription", &function);
        assert_eq!(all["PUSH_HOSTS"], "a.example,http://127.0.0.1:1,http://localhost:2");
        assert_eq!(all["AWS_ENDPOINT_URL_SQS"], "http://q");
        assert_eq!(all["AWS_SESSION_TOKEN"], "t");
        assert_eq!(all["AWS_LAMBDA_FUNCTION_NAME"], "put-subscription");
        assert_eq!(all["AWS_ACCESS_KEY_ID"], "PutSubscription");
    }

    #[test]
    fn a_push_host_is_a_host_and_a_port() {
        for (given, valid) in [
            ("127.0.0.1:8090", true),
            ("localhost:1", true),
            ("[::1]:1", true),
            ("localhost", false),
            (":1", false),
            ("localhost:0", false),
            ("localhost:70000", false),
            ("a,b:1", false),
            ("http://a:1", false),
            ("a@b:1", false),
        ] {
            assert_eq!(check_push_host(given).is_ok(), valid, "{given}");
        }
    }
}
