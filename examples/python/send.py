#!/usr/bin/env python3
"""Sends a push and prints its result: python3 send.py '{"title": "Hello", "message": "It works"}'

PUSHGATE_API is the address of the API with its stage, PUSHGATE_KEY a key with PushNotifications/Send.
"""

import json
import os
import re
import sys
import time
import uuid
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

MAX_ATTEMPTS = 5
MAX_RETRY_AFTER_S = 60
MAX_RESULT_WAIT_S = 60


class PushError(Exception):
    """A push that was not sent, described for the user."""


def request(method: str, path: str, headers: dict[str, str] | None = None, body: str | None = None) -> dict:
    """Sends a request, again after 429 and 503, and returns the body."""
    call = Request(os.environ["PUSHGATE_API"] + path, body and body.encode(), headers or {}, method=method)
    # Unredirected: the key goes to the API and nowhere else.
    call.add_unredirected_header("Authorization", f"Bearer {os.environ['PUSHGATE_KEY']}")
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            with urlopen(call, timeout=30) as response:
                return json.load(response)
        except HTTPError as error:
            retry_after = int(error.headers.get("Retry-After", 1))
            retry = error.code in (429, 503) and attempt < MAX_ATTEMPTS and retry_after <= MAX_RETRY_AFTER_S
            if not retry:
                raise PushError(describe(error)) from None
            print(f"Pushgate responded with status {error.code}. Trying again in {retry_after} s.", file=sys.stderr)
            time.sleep(retry_after)
    raise AssertionError("the last attempt returns or raises")


def describe(error: HTTPError) -> str:
    """Describes a problem (RFC 9457), with the errors of an invalid body."""
    try:
        problem = json.load(error)
    except ValueError:
        problem = {}
    facts = [error.code, problem.get("code"), problem.get("request_id")]
    lines = [f"\n  {each['pointer']}: {each['detail']}" for each in problem.get("errors", [])]
    detail = problem.get("detail", "Pushgate did not say why.")
    return f"{detail} ({', '.join(str(fact) for fact in facts if fact)}){''.join(lines)}"


def send(push: str) -> dict:
    """Sends the push and waits for its result."""
    # The same at each attempt: however many arrive, the push is sent once.
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
    accepted = request("POST", "/push", headers, push)
    # A dry run has no ID, and is answered already.
    if "id" not in accepted:
        return accepted

    deadline = time.monotonic() + MAX_RESULT_WAIT_S
    while True:
        result = request("GET", f"/push/{accepted['id']}")
        if result["status"] == "done" or time.monotonic() > deadline:
            return result
        time.sleep(1)


def main() -> None:
    if len(sys.argv) != 2:
        raise PushError("Usage: python3 send.py '{\"title\": \"Hello\"}'")
    if not os.environ.get("PUSHGATE_API"):
        raise PushError("Set PUSHGATE_API to the address of the API, such as https://push.example.com/v1.")
    if not re.fullmatch(r"pgk_[0-9A-Za-z_]+", os.environ.get("PUSHGATE_KEY", "")):
        raise PushError("Set PUSHGATE_KEY to a key: pgk_…")
    print(json.dumps(send(sys.argv[1])))


if __name__ == "__main__":
    try:
        main()
    except (PushError, URLError, TimeoutError) as error:
        sys.exit(str(error))
