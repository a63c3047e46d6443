#!/usr/bin/env bash
# Sends a push and prints its result: ./send.sh '{"title": "Hello", "message": "It works"}'
#
# PUSHGATE_API is the address of the API with its stage, PUSHGATE_KEY a key with PushNotifications/Send.
set -euo pipefail

fail() { echo "$1" >&2; exit 1; }

push=${1:-}
[ -n "$push" ] || fail "Usage: $0 '{\"title\": \"Hello\"}'"
[ -n "${PUSHGATE_API:-}" ] || fail "Set PUSHGATE_API to the address of the API, such as https://push.example.com/v1."
[[ ${PUSHGATE_KEY:-} =~ ^pgk_[0-9A-Za-z_]+$ ]] || fail "Set PUSHGATE_KEY to a key: pgk_…"

response=$(mktemp)
trap 'rm -f "$response"' EXIT

# Leaves the body in $response and prints the Location. The key goes through a file descriptor, because every user of
# the machine can read a process's arguments. `--retry` repeats it after 429 and 5xx, and waits as Retry-After says.
request() {
    curl --silent --show-error --fail-with-body --max-time 30 --retry 4 --retry-max-time 60 \
        --header @<(printf 'Authorization: Bearer %s\n' "$PUSHGATE_KEY") \
        --output "$response" --write-out '%header{location}' "$@" || fail "$(cat "$response")"
}

# The same Idempotency-Key at each attempt: however many arrive, the push is sent once.
idempotency_key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
location=$(request "$PUSHGATE_API/push" --header "Idempotency-Key: $idempotency_key" \
    --header 'Content-Type: application/json' --data-raw "$push")

# A dry run has no Location, and is answered already.
while [ -n "$location" ] && [ "$SECONDS" -lt 60 ]; do
    request "$PUSHGATE_API/push/${location##*/}" >/dev/null
    grep -q '"status":"done"' "$response" && break
    sleep 1
done
cat "$response"
echo
