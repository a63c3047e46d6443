//! The access decision: whether a key allows a request.

use crate::domain::channel::{Slug, Slugs};
use crate::domain::key::{Key, Status};
use crate::domain::permission::Permission;
use crate::domain::scope::{self, ScopeError};
use crate::domain::secret::SecretHash;
use crate::domain::time::Timestamp;

/// What a request asks of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessRequest {
    /// The permission that the route requires.
    pub permission: Permission,
    /// The target that the request names.
    pub target: RequestedTarget,
}

/// The target of a request, as far as the authorizer sees it. API Gateway gives an authorizer no body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RequestedTarget {
    /// The channel in the path.
    Channel(Slug),
    /// The target in the body, which only the handler sees. The key's scope must not be empty.
    InBody,
    /// No target: the route sends nothing, or the path's channel is not a slug, which the handler reports.
    None,
}

/// The secret of a key that a request presents.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecretVersion {
    /// The secret that was issued last.
    Current,
    /// The secret before the last rotation, within its overlap.
    Previous,
}

/// Why an existing key denies a request. The order of the variants is the order of the checks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Denial {
    /// The secret is not the key's.
    WrongSecret,
    /// The key is inactive.
    Inactive,
    /// The key has expired.
    Expired,
    /// The key lacks the permission that the route requires.
    PermissionDenied(Permission),
    /// The target is outside the key's scope.
    Scope(ScopeError),
    /// A rate limit is exhausted.
    RateLimited {
        /// Seconds until the key may be used again, at least 1.
        retry_after: i64,
    },
}

impl Key {
    /// Decides whether the key allows a request with this secret now, and which of the key's secrets it is. The store's
    /// conditional write checks the same in one atomic step; this says why its condition failed.
    pub fn authorize(
        &self,
        secret: &SecretHash,
        request: &AccessRequest,
        now: Timestamp,
    ) -> Result<SecretVersion, Denial> {
        let version = self.secret_version(secret, now).ok_or(Denial::WrongSecret)?;
        if self.status == Status::Inactive {
            return Err(Denial::Inactive);
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(Denial::Expired);
        }
        if !self.permissions.contains(&request.permission) {
            return Err(Denial::PermissionDenied(request.permission));
        }
        match &request.target {
            RequestedTarget::Channel(slug) => {
                scope::decide(&self.scope, Some(&Slugs::from([slug.clone()]))).map_err(Denial::Scope)?;
            }
            RequestedTarget::InBody => {
                scope::decide(&self.scope, None).map_err(Denial::Scope)?;
            }
            RequestedTarget::None => {}
        }
        match self.quotas(now).iter().find(|quota| quota.left == 0) {
            Some(quota) => Err(Denial::RateLimited { retry_after: quota.resets_in }),
            None => Ok(version),
        }
    }

    fn secret_version(&self, secret: &SecretHash, now: Timestamp) -> Option<SecretVersion> {
        if *secret == self.hash {
            return Some(SecretVersion::Current);
        }
        let previous = self.active_previous_secret(now)?;
        (previous.hash == *secret).then_some(SecretVersion::Previous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::{Account, Actor};
    use crate::domain::channel::{ChannelId, Channels};
    use crate::domain::id::KeyId;
    use crate::domain::key::{KeyName, Overlap};
    use crate::domain::limits::{Limits, Usage};
    use crate::domain::permission::Permissions;
    use crate::domain::scope::Scope;
    use crate::domain::secret::{Secret, TagKey};

    /// The middle of a minute.
    const NOW: Timestamp = Timestamp::from_millis(1_795_428_030_000);

    fn secret() -> Secret {
        let account = Account::try_from("acme".to_owned()).expect("an account");
        Secret::generate(&account, &KeyId::generate(NOW), &TagKey::new(&"k".repeat(32)).expect("a tag key"))
    }

    fn slug(text: &str) -> Slug {
        Slug::try_from(text.to_owned()).expect("a slug")
    }

    fn key(secret: &Secret) -> Key {
        let name = KeyName::from_stored("Webshop".to_owned());
        let ada = Actor { id: "ada".to_owned(), name: "Ada".to_owned() };
        let channels = Channels::from([(slug("ops"), ChannelId::from_stored("id-ops".to_owned()))]);
        Key::new(secret, name, Permissions::from([Permission::SendPush]), Scope::Channels(channels), ada, NOW)
    }

    fn send(target: RequestedTarget) -> AccessRequest {
        AccessRequest { permission: Permission::SendPush, target }
    }

    #[test]
    fn a_key_allows_a_request_unless_one_check_denies_it() {
        let (own, other) = (secret(), secret());
        let request = send(RequestedTarget::Channel(slug("ops")));
        let decide = |key: Key, secret: &Secret| key.authorize(&secret.hash(), &request, NOW);
        let expiring = |seconds| Key { expires_at: Some(NOW.plus_seconds(seconds)), ..key(&own) };

        assert_eq!(decide(key(&own), &own), Ok(SecretVersion::Current));
        assert_eq!(decide(key(&own), &other), Err(Denial::WrongSecret));
        assert_eq!(decide(Key { status: Status::Inactive, ..key(&own) }, &own), Err(Denial::Inactive));
        assert_eq!(decide(expiring(1), &own), Ok(SecretVersion::Current));
        assert_eq!(decide(expiring(0), &own), Err(Denial::Expired));
        let others = Permissions::from([Permission::WriteSubscriptions]);
        let denied = Err(Denial::PermissionDenied(Permission::SendPush));
        assert_eq!(decide(Key { permissions: others, ..key(&own) }, &own), denied);
        let empty = Key { scope: Scope::Channels(Channels::new()), ..key(&own) };
        assert_eq!(decide(empty.clone(), &own), Err(Denial::Scope(ScopeError::EmptyScope)));
        let in_body = send(RequestedTarget::InBody);
        let decided = empty.authorize(&own.hash(), &in_body, NOW);
        assert_eq!(decided, Err(Denial::Scope(ScopeError::EmptyScope)));
        let elsewhere = key(&own).authorize(&own.hash(), &send(RequestedTarget::Channel(slug("news"))), NOW);
        assert!(matches!(elsewhere, Err(Denial::Scope(ScopeError::OutOfScope { .. }))), "{elsewhere:?}");
    }

    #[test]
    fn the_previous_secret_is_allowed_until_its_overlap_ends() {
        let (old, new, other) = (secret(), secret(), secret());
        let rotated = key(&old).rotated(&new, Overlap::try_from(60).expect("a minute"), NOW);
        let decide = |secret: &Secret, seconds| {
            rotated.authorize(&secret.hash(), &send(RequestedTarget::None), NOW.plus_seconds(seconds))
        };
        assert_eq!(decide(&new, 0), Ok(SecretVersion::Current));
        assert_eq!(decide(&old, 59), Ok(SecretVersion::Previous));
        assert_eq!(decide(&old, 60), Err(Denial::WrongSecret));
        assert_eq!(decide(&other, 0), Err(Denial::WrongSecret));
    }

    #[test]
    fn an_exhausted_limit_denies_until_its_period_ends() {
        let own = secret();
        let used = |minute| Key {
            limits: Limits { per_minute: Some(2), per_day: None },
            usage: Usage { minutes: [(NOW.minute(), minute)].into(), ..Usage::default() },
            ..key(&own)
        };
        let decide = |minute| used(minute).authorize(&own.hash(), &send(RequestedTarget::None), NOW);
        assert_eq!(decide(1), Ok(SecretVersion::Current));
        assert_eq!(decide(2), Err(Denial::RateLimited { retry_after: 30 }));
    }
}
