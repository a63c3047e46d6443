//! The product at an address, as a description says: with accounts that nobody used before, and their people's tokens.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

use serde::Deserialize;
use shared::config::Config;

use crate::emulator_gap::Gap;

/// What a file says of a deployment.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Description {
    /// The gateway's address, without the stage.
    pub(crate) url: String,
    /// What the gateway knows the API by, where its address does not say it.
    pub(crate) host: Option<String>,
    /// Fresh accounts, by the name that the tests have for them.
    accounts: HashMap<String, Mutex<Vec<Account>>>,
    /// The ID token of somebody who has no account.
    nobody: String,
    /// Addresses on this machine at which the functions may reach a push service.
    #[serde(default)]
    pub(crate) push_hosts: Vec<SocketAddr>,
    /// What it does otherwise than AWS.
    #[serde(default)]
    pub(crate) gaps: Vec<Gap>,
    /// Where the tests note what they left out.
    pub(crate) notes: PathBuf,
}

/// A fresh account and the ID tokens of its people.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    id: String,
    admin: String,
    member: String,
}

/// The description that `PUSHGATE_DEPLOYMENT` names, if the suite is to run by address.
pub(crate) fn description() -> Option<&'static Description> {
    static DESCRIPTION: LazyLock<Option<Description>> = LazyLock::new(|| {
        let config = Config::from_env();
        let file = config.optional("PUSHGATE_DEPLOYMENT")?;
        let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{file}: {e}"));
        Some(serde_json::from_str(&text).unwrap_or_else(|e| panic!("{file}: {e}")))
    });
    DESCRIPTION.as_ref()
}

/// A deployment, for one test: its accounts are no other test's.
pub(crate) struct Deployment {
    pub(crate) description: &'static Description,
    accounts: Mutex<HashMap<String, Account>>,
}

impl Deployment {
    pub(crate) fn new(description: &'static Description) -> Self {
        Self { description, accounts: Mutex::default() }
    }

    /// The account that stands for this name.
    fn account(&self, name: &str) -> Account {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || {
            let pool = self.description.accounts.get(name).unwrap_or_else(|| panic!("no accounts for {name}"));
            let account = pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
            account.unwrap_or_else(|| panic!("the description has too few accounts for {name}"))
        };
        accounts.entry(name.to_owned()).or_insert_with(fresh).clone()
    }

    pub(crate) fn account_id(&self, name: &str) -> String {
        self.account(name).id
    }

    pub(crate) fn id_token(&self, user: &str) -> String {
        match user.split_once('@') {
            Some(("admin", account)) => self.account(account).admin,
            Some(("member", account)) => self.account(account).member,
            Some(("nobody", _)) => self.description.nobody.clone(),
            _ => panic!("nobody is called {user}"),
        }
    }
}
