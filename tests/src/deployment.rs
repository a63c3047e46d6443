//! A deployed stack, reached by its URL, with unused accounts and the ID tokens of their users.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde::Deserialize;
use shared::config::Config;

use crate::emulator_gap::EmulatorGap;

/// The JSON file that describes a deployment. CONTRIBUTING.md shows an example.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeploymentConfig {
    /// The gateway's URL, without the stage.
    pub(crate) url: String,
    /// The `Host` header that selects the API, where the URL does not.
    pub(crate) host: Option<String>,
    /// Unused accounts, by the name that the tests use.
    accounts: HashMap<String, Mutex<Vec<Account>>>,
    /// The ID token of a user without an account.
    nobody: String,
    /// The ID token that another app client of the user pool got for the admin of an account.
    pub(crate) another_client: String,
    /// Addresses of this machine where the functions can reach a push service.
    #[serde(default)]
    pub(crate) push_hosts: Vec<SocketAddr>,
    /// Known differences from AWS.
    #[serde(default)]
    pub(crate) gaps: Vec<EmulatorGap>,
    /// The file where tests record what they skipped.
    pub(crate) notes: PathBuf,
}

/// An unused account and the ID tokens of its users.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    id: String,
    admin: String,
    member: String,
}

/// The config file that `PUSHGATE_DEPLOYMENT` names; `None` if the suite runs in this process.
pub(crate) fn config() -> Option<&'static DeploymentConfig> {
    static CONFIG: LazyLock<Option<DeploymentConfig>> = LazyLock::new(|| {
        let environment = Config::from_env();
        let file = environment.optional("PUSHGATE_DEPLOYMENT")?;
        let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{file}: {e}"));
        Some(serde_json::from_str(&text).unwrap_or_else(|e| panic!("{file}: {e}")))
    });
    CONFIG.as_ref()
}

/// The deployment as one test sees it: with accounts that no other test uses.
pub(crate) struct Deployment {
    pub(crate) config: &'static DeploymentConfig,
    accounts: Mutex<HashMap<String, Account>>,
}

impl Deployment {
    pub(crate) fn new(config: &'static DeploymentConfig) -> Self {
        Self { config, accounts: Mutex::default() }
    }

    /// The account that this test uses under this name.
    fn account(&self, name: &str) -> Account {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let unused = || {
            let pool = self.config.accounts.get(name).unwrap_or_else(|| panic!("no accounts for {name}"));
            let account = pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
            account.unwrap_or_else(|| panic!("the deployment file has too few accounts for {name}"))
        };
        accounts.entry(name.to_owned()).or_insert_with(unused).clone()
    }

    pub(crate) fn account_id(&self, name: &str) -> String {
        self.account(name).id
    }

    pub(crate) fn id_token(&self, email: &str) -> String {
        match email.split_once('@') {
            Some(("admin", account)) => self.account(account).admin,
            Some(("member", account)) => self.account(account).member,
            Some(("nobody", _)) => self.config.nobody.clone(),
            _ => panic!("there is no user {email}"),
        }
    }
}

impl EmulatorGap {
    /// Whether the deployment under test declares this gap. If so, the gap is recorded for the running test.
    pub fn is_declared(self) -> bool {
        let declared = config().is_some_and(|config| config.gaps.contains(&self));
        if declared {
            record_skip(self.name());
        }
        declared
    }
}

/// Records that the running test skipped a part of itself for this reason. Only for a run on a deployment.
pub(crate) fn record_skip(reason: &str) {
    let config = config().expect("only a test on a deployment skips a part");
    let file = OpenOptions::new().create(true).append(true).open(&config.notes);
    // libtest names the thread of a test after the test.
    let line = format!("{reason} {}\n", std::thread::current().name().expect("a test's name"));
    file.expect("a file for notes").write_all(line.as_bytes()).expect("a line");
}
