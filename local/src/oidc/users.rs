//! The development users: two accounts, each with an admin and a member, and a user without an account.

use uuid::Uuid;

/// A user who can sign in on this machine.
#[derive(Debug)]
pub(super) struct User {
    /// The name in URLs and on the sign-in page, such as `admin@acme`.
    pub(super) username: &'static str,
    pub(super) name: &'static str,
    pub(super) account: Option<&'static str>,
    pub(super) role: Option<&'static str>,
}

const fn user(
    username: &'static str,
    name: &'static str,
    account: Option<&'static str>,
    role: Option<&'static str>,
) -> User {
    User { username, name, account, role }
}

/// All development users.
pub(super) const USERS: [User; 5] = [
    user("admin@acme", "Ada", Some("acme"), Some("admin")),
    user("member@acme", "Max", Some("acme"), Some("member")),
    user("admin@globex", "Gina", Some("globex"), Some("admin")),
    user("member@globex", "Mona", Some("globex"), Some("member")),
    user("nobody@nowhere", "Noah", None, None),
];

impl User {
    /// The user with this username.
    pub(super) fn find(username: &str) -> Option<&'static Self> {
        USERS.iter().find(|user| user.username == username)
    }

    /// The `sub` claim, which is the same at each start, since stored keys and events refer to it.
    pub(super) fn sub(&self) -> String {
        Uuid::new_v5(&Uuid::NAMESPACE_OID, self.username.as_bytes()).to_string()
    }
}
