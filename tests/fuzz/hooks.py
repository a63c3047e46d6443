"""Schemathesis hooks for what the schemas cannot express: valid values that the API may still reject."""

import re
import time

import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData

# The first endpoint and the point of schemathesis.toml.
ENDPOINT = "http://127.0.0.1:9/a"
POINT = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"

# A link whose host may be invalid, and the pointers of links.
DOUBTFUL_LINK = re.compile(r"https?://(?![a-z]+(\.[a-z]+)*(/[!-~]*)?$)")
LINK = re.compile("/(url|icon|image|badge|actions/[01]/icon)")

# The pointers of texts that are shown.
TEXT = re.compile("/(name|title|message|actions/[01]/(action|title))")


def accepted_value(pointer, text):
    """A value that the API accepts at this pointer, if this text may be rejected although its schema allows it."""
    if pointer == "/expires_at" and text[:4] <= str(time.gmtime().tm_year):
        # A schema cannot require a future timestamp. One later in this year is doubtful as well.
        return "2999-12-31T00:00:00Z"
    if pointer == "/endpoint" and not text.startswith(ENDPOINT[:-1]):
        # A schema cannot list the push services.
        return ENDPOINT
    if pointer == "/keys/p256dh" and text != POINT:
        # A schema cannot require a point on the curve.
        return POINT
    if LINK.fullmatch(pointer) and DOUBTFUL_LINK.match(text):
        # A schema cannot express which hosts the URL standard accepts.
        return "/a"
    if (LINK.fullmatch(pointer) or TEXT.fullmatch(pointer)) and not (text.isascii() and text.isprintable()):
        # A pattern cannot list the characters that hide, blank or reorder text.
        return "/a"
    return None


def doubtful_values(part, pointer=""):
    """The texts of a body that may be rejected: pointer, parent, name in the parent, and an accepted value."""
    entries = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for name, value in entries:
        here = f"{pointer}/{name}"
        if not isinstance(value, str):
            yield from doubtful_values(value, here)
        elif (accepted := accepted_value(here, value)) is not None:
            yield here, part, name, accepted


@schemathesis.hook
def before_call(_context, case, _kwargs):
    """Replaces doubtful values before the fuzzing phase, where they would hide the one value under test."""
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive or meta.phase.name not in ("examples", "coverage"):
        return
    for _, parent, name, accepted in list(doubtful_values(case.body)):
        parent[name] = accepted
    headers = case.headers or {}
    if "If-Match" in headers:
        # The entity tag of the example is of no key, and values by the schema's pattern are too.
        headers["If-Match"] = "*"
    if "Idempotency-Key" in headers:
        # The example's key is used once; a second send with it and another body is a 422.
        headers["Idempotency-Key"] = case.id
    (case.query or {}).pop("cursor", None)


@schemathesis.hook
def filter_failure(_context, failure, case, response):
    """Drops the failure that a valid request got a 400, if only doubtful values were rejected."""
    if not isinstance(failure, RejectedPositiveData) or response.status_code != 400:
        return True
    problem = response.json()
    if problem["code"] == "invalid_parameter":
        # A schema cannot list the cursors that the API has returned.
        return not problem["detail"].startswith("cursor ")
    excused = {pointer for pointer, *_ in doubtful_values(case.body)}
    if case.method == "PATCH" and ("scope" in case.body) != ("channels" in case.body):
        # A schema does not know the current scope of a key, which decides whether channels are allowed.
        excused.add("/channels")
    return not all(error["pointer"] in excused for error in problem["errors"])
