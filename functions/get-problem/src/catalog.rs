//! The texts of the problem pages: what each code means, and what the client can do about it.

/// The page of one code.
pub(crate) struct ProblemPage {
    pub(crate) code: &'static str,
    pub(crate) status: u16,
    pub(crate) title: &'static str,
    pub(crate) meaning: &'static str,
    pub(crate) remedy: &'static str,
}

const fn row(
    status: u16,
    code: &'static str,
    title: &'static str,
    meaning: &'static str,
    remedy: &'static str,
) -> ProblemPage {
    ProblemPage { code, status, title, meaning, remedy }
}

/// Every code of the API, ordered by status.
pub(crate) const CATALOG: [ProblemPage; 31] = [
    row(
        400,
        "invalid_body",
        "The body is not valid",
        "One or more fields of the JSON body are missing, unknown or invalid. Nothing was changed.",
        "Read errors. It lists every field error with its location, a JSON Pointer.",
    ),
    row(
        400,
        "invalid_parameter",
        "A parameter is not valid",
        "A path parameter, a query parameter or a header is invalid. Nothing was changed.",
        "Read detail. It names the parameter and its valid values.",
    ),
    row(
        400,
        "bad_request",
        "Bad request",
        "The gateway could not parse the request. No function was called.",
        "Check the request line, the headers and their encoding.",
    ),
    row(
        401,
        "unauthenticated",
        "Not authenticated",
        "The request has no valid credentials: the key is missing, malformed, unknown, deleted or was replaced by a \
         rotation whose overlap has ended, or the sign-in has expired. All of these get the same response, so that \
         keys cannot be probed.",
        "Send the key as Authorization: Bearer or as x-api-key. If you send both, they must be equal. If the key was \
         rotated or deleted, ask an admin for a new one. If you are a user, sign in again.",
    ),
    row(
        403,
        "no_account",
        "No account",
        "You are signed in, but your user has no account, or neither of the roles admin and member in it.",
        "Ask the operator of this deployment to add you to an account, with a role.",
    ),
    row(
        403,
        "admin_required",
        "Admins only",
        "You are a member of the account. Only its admins can do this.",
        "Ask an admin of your account.",
    ),
    row(
        403,
        "key_inactive",
        "The key is inactive",
        "An admin deactivated the key. Its scope and usage are kept.",
        "Ask an admin to activate it. It works again from the next request.",
    ),
    row(
        403,
        "key_expired",
        "The key has expired",
        "The key's expires_at has passed.",
        "Ask an admin to set a later expires_at, or to remove it.",
    ),
    row(
        403,
        "permission_denied",
        "Permission denied",
        "The key does not have the permission that this route requires. The detail names it.",
        "Use a key with this permission, or ask an admin to add it.",
    ),
    row(
        403,
        "scope_violation",
        "Channel outside the key's scope",
        "The request names channels that are not assigned to the key. They may not exist: the response does not tell. \
         refused lists those channels, and allowed lists the key's channels.",
        "Remove the channels from the request, or ask an admin to assign them to the key.",
    ),
    row(
        403,
        "empty_scope",
        "The key reaches nobody",
        "The key's scope is limited to channels, and it has no channel. An empty list never means everyone.",
        "Ask an admin to assign channels to the key.",
    ),
    row(
        403,
        "blocked",
        "Blocked",
        "The web application firewall blocked the request. The usual reason is too many requests from one address.",
        "Wait a few minutes and send fewer requests.",
    ),
    row(
        404,
        "not_found",
        "Not found",
        "Your account has no such resource, or no route matches this path and method. Resources of other accounts are \
         not found either.",
        "Check the id, the path and the method.",
    ),
    row(
        409,
        "channel_exists",
        "The channel exists",
        "Your account already has a channel with this slug.",
        "Use the existing channel, or choose another slug.",
    ),
    row(
        409,
        "channel_in_use",
        "The channel is in use",
        "The channel is assigned to one or more keys, so it cannot be deleted.",
        "Remove the channel from those keys first.",
    ),
    row(
        409,
        "key_limit_reached",
        "Too many keys",
        "Your account has the maximum number of keys of this deployment. The detail names it.",
        "Delete a key that is not used, or ask the operator of this deployment for a higher maximum.",
    ),
    row(
        409,
        "channel_limit_reached",
        "Too many channels",
        "Your account has the maximum number of channels of this deployment. The detail names it.",
        "Delete a channel that is not used, or ask the operator of this deployment for a higher maximum.",
    ),
    row(
        409,
        "edit_conflict",
        "Concurrent change",
        "Other requests keep changing the same resource. This request was given up after several attempts.",
        "Read the resource again, then retry.",
    ),
    row(
        409,
        "already_created",
        "Secret already created",
        "An earlier request with this Idempotency-Key, in the last 24 hours, created or rotated the key that key_id and \
         Location name. Its secret was returned once, in the response to that request. Nothing was changed.",
        "If you have the secret, use it. If that response was lost, rotate the key with a new Idempotency-Key, \
         overlap_seconds of 0 and keep_old: nobody has the lost secret, and the one before it keeps working.",
    ),
    row(
        409,
        "idempotency_in_flight",
        "Request in progress",
        "An earlier request with this Idempotency-Key is still in progress.",
        "Wait for the number of seconds in Retry-After, then repeat the request. You get the response of the first \
         one.",
    ),
    row(
        412,
        "precondition_failed",
        "Changed since it was read",
        "The key was changed since you read it: its ETag does not match If-Match.",
        "Read the key again, then decide whether to repeat the change.",
    ),
    row(
        413,
        "push_too_large",
        "The push is too large",
        "The push's id and content are larger than 3,993 bytes, the maximum for one encrypted push.",
        "Shorten the content. A dry run returns the size in bytes.",
    ),
    row(
        413,
        "request_too_large",
        "Request too large",
        "The headers or the body are larger than the gateway accepts.",
        "Send a smaller request.",
    ),
    row(
        422,
        "unknown_channel",
        "Unknown channel",
        "Your account has no channel with this slug. Only admins, and keys that reach every recipient, get this \
         response.",
        "Create the channel, or correct the slug.",
    ),
    row(
        422,
        "too_many_channels",
        "Too many channels",
        "The subscription would be in more channels than the maximum.",
        "Remove the subscription from some channels first.",
    ),
    row(
        422,
        "idempotency_mismatch",
        "Idempotency key reused",
        "This Idempotency-Key was used in the last 24 hours with a different body, for a different key, or while the key's \
         scope gave it a different audience.",
        "Use a new Idempotency-Key for every request that is not a repeat.",
    ),
    row(
        429,
        "rate_limited",
        "Rate limit exceeded",
        "The key's limit for this minute or this UTC day is reached. This request is not counted.",
        "Wait for the number of seconds in Retry-After. The RateLimit header shows what is left. An admin can change \
         the limits.",
    ),
    row(
        429,
        "throttled",
        "Too many requests",
        "The gateway received more requests than it accepts at the same time.",
        "Wait for the number of seconds in Retry-After, then retry.",
    ),
    row(
        500,
        "internal",
        "Internal error",
        "An error on the server. The log has its cause under this request_id.",
        "Give the request_id to the operator of this deployment.",
    ),
    row(
        503,
        "unavailable",
        "Temporarily unavailable",
        "A service that the request needs did not respond in time. No request is allowed without a decision.",
        "Wait for the number of seconds in Retry-After, then retry. A send with an Idempotency-Key is not sent twice.",
    ),
    row(
        504,
        "timeout",
        "The gateway timed out",
        "The gateway stopped waiting for the response. The request may still have been processed.",
        "Check whether it was processed. A send with an Idempotency-Key can be retried safely.",
    ),
];
