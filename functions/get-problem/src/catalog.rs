//! What each code of a refusal means, and what whoever meets it can do.

/// A code, explained.
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

/// Every code that the API answers with, by status.
pub(crate) const CATALOG: [ProblemPage; 28] = [
    row(
        400,
        "invalid_body",
        "The body is not valid",
        "One or more fields of the JSON body are missing, unknown or wrong. Nothing was done.",
        "Read errors: it names every mistake with its place (a JSON Pointer), not only the first.",
    ),
    row(
        400,
        "invalid_parameter",
        "A parameter is not valid",
        "A part of the path, a parameter of the query or a header is wrong. Nothing was done.",
        "The detail says which one, and what it takes.",
    ),
    row(
        400,
        "bad_request",
        "Bad request",
        "The gateway could not understand the request, and nothing behind it saw it.",
        "Check the request line, the headers and their encoding.",
    ),
    row(
        401,
        "unauthenticated",
        "Not authenticated",
        "There is no key, or it is not a key, is unknown, was deleted, or its rotation's overlap is over; or the sign-in has \
         ended. All of these get the same answer, so that nobody can probe for keys.",
        "Send the key as Authorization: Bearer or as x-api-key, not two different ones. If it was rotated or deleted, ask \
         an admin for the new one. People sign in again.",
    ),
    row(
        403,
        "no_account",
        "No account",
        "You are signed in, and belong to no account.",
        "Ask whoever runs this deployment to add you to your account.",
    ),
    row(
        403,
        "admin_required",
        "Only for admins",
        "You are a member of the account; this is for its admins.",
        "Ask one of them.",
    ),
    row(
        403,
        "key_inactive",
        "The key is inactive",
        "An admin switched the key off. Its scope and usage are kept.",
        "An admin can switch it on again; it works from the next request on.",
    ),
    row(
        403,
        "key_expired",
        "The key has expired",
        "The key's expires_at is over.",
        "An admin can set a later one, or none.",
    ),
    row(
        403,
        "permission_denied",
        "Permission missing",
        "The key has not the permission that this route needs. The detail names it.",
        "An admin can add the permission, or use a key that has it. A key that may only add subscriptions never sends.",
    ),
    row(
        403,
        "scope_violation",
        "Channel outside the key's scope",
        "The key was asked to reach a channel that is not assigned to it, or that does not exist: it cannot tell which. \
         refused names what it may not reach, allowed what it may.",
        "Leave the channel out, or let an admin assign it to the key.",
    ),
    row(
        403,
        "empty_scope",
        "The key reaches nobody",
        "The key is scoped to channels and has none. An empty list never means everyone.",
        "An admin can assign channels to the key.",
    ),
    row(
        403,
        "blocked",
        "Blocked",
        "The web application firewall refused the request, most often because too many came from one address.",
        "Wait some minutes and send less often.",
    ),
    row(
        404,
        "not_found",
        "Not found",
        "There is no such thing in your account, or nothing at this path for this method. What another account has is not \
         found either.",
        "Check the id and the path.",
    ),
    row(
        409,
        "channel_exists",
        "The channel exists",
        "The account has a channel of this slug already.",
        "Use that one, or choose another slug.",
    ),
    row(
        409,
        "channel_in_use",
        "The channel is in use",
        "Keys name the channel in their scopes, so it cannot be deleted.",
        "Take it out of those keys' scopes first.",
    ),
    row(
        409,
        "edit_conflict",
        "Changed at the same time",
        "Others are changing the same thing, again and again. Nothing was done.",
        "Try again.",
    ),
    row(
        409,
        "idempotency_in_flight",
        "The same send is in flight",
        "A send with this Idempotency-Key is not answered yet.",
        "Wait as long as Retry-After says and send the same again: it answers the first one's push.",
    ),
    row(
        412,
        "precondition_failed",
        "Changed since it was read",
        "The key is not what If-Match names: somebody has changed it meanwhile. Nothing was done.",
        "Read the key again, and decide again.",
    ),
    row(
        413,
        "push_too_large",
        "The push is too large",
        "Its id and content have more than the 3,993 bytes that one encrypted push carries.",
        "Shorten it: the dry run and the explanation answer the size in bytes.",
    ),
    row(
        413,
        "request_too_large",
        "Request too large",
        "The headers or the body are larger than the gateway takes.",
        "Send less.",
    ),
    row(
        422,
        "unknown_channel",
        "Unknown channel",
        "The account has no channel of this slug. Only a key that reaches everyone, or an admin, is told so.",
        "Make the channel, or correct the slug.",
    ),
    row(
        422,
        "too_many_channels",
        "Too many channels",
        "The subscription would be in more channels than one can be in.",
        "Take it out of some.",
    ),
    row(
        422,
        "idempotency_mismatch",
        "Another send of the same name",
        "This Idempotency-Key was used within 24 hours for another body, or when the key reached others than now.",
        "Give each send a name of its own.",
    ),
    row(
        429,
        "rate_limited",
        "Over the key's limit",
        "The key was used as often as it may be in this minute or on this UTC day. The request is not counted.",
        "Wait as long as Retry-After says. RateLimit tells what is left; an admin can change the limits.",
    ),
    row(
        429,
        "throttled",
        "Too many requests",
        "More requests came at once than the gateway takes for all together.",
        "Wait as long as Retry-After says, and send again.",
    ),
    row(
        500,
        "internal",
        "Internal error",
        "The fault is on our side. The log has the cause, under the request_id.",
        "Tell whoever runs this deployment the request_id.",
    ),
    row(
        503,
        "unavailable",
        "Temporarily unavailable",
        "A part that is needed did not answer in time. No request is let through unjudged.",
        "Wait as long as Retry-After says and send again; a send with an Idempotency-Key is not sent twice.",
    ),
    row(
        504,
        "timeout",
        "The gateway timed out",
        "The request may still have been carried out.",
        "Look whether it was. A send with an Idempotency-Key can be repeated safely.",
    ),
];
