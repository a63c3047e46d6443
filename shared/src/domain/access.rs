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
