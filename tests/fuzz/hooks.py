"""What the contract's schemas cannot say: which values fit them and may be refused all the same."""

import re
import time

import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData

# The first of schemathesis.toml's endpoints, and its point.
ENDPOINT = "http://127.0.0.1:9/a"
POINT = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"

# A link with a host that may be none, and places of links.
ODD = re.compile(r"https?://(?![a-z]+(\.[a-z]+)*(/[!-~]*)?$)")
LINK = re.compile("/(url|icon|image|badge|actions/[01]/icon)")


def beyond_doubt(place, text):
    """What else may stand at this place of a body, if this text fits its schema there and may be refused; or nothing."""
    if place == "/expires_at" and text[:4] <= str(time.gmtime().tm_year):
        # No schema can say that a moment lies ahead. One that does, but within this year, is in doubt as well.
        return "2999-12-31T00:00:00Z"
    if place == "/endpoint" and not text.startswith(ENDPOINT[:-1]):
        # No schema can say which hosts are push services.
        return ENDPOINT
    if place == "/keys/p256dh" and text != POINT:
        # No schema can say which points lie on the curve.
        return POINT
    if LINK.fullmatch(place) and ODD.match(text):
        # No schema can say what the URL standard takes for a host.
        return "/a"
    return None


def doubts(part, place=""):
    """The texts of a body that may be refused: place, what holds it, its name there, and what else may stand there."""
    entries = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for name, value in entries:
        here = f"{place}/{name}"
        if not isinstance(value, str):
            yield from doubts(value, here)
        elif (other := beyond_doubt(here, value)) is not None:
            yield here, part, name, other


@schemathesis.hook
def before_call(_context, case, _kwargs):
    """Leaves what is in doubt to fuzzing: the phases before it try one thing at a time, which it would hide."""
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive or meta.phase.name not in ("examples", "coverage"):
        return
    for _, holder, name, other in list(doubts(case.body)):
        holder[name] = other
    headers = case.headers or {}
    if "If-Match" in headers:
        # The tag of the example is no key's, and for the schema's pattern it finds nothing but 0, which does not fit.
        headers["If-Match"] = "*"
    if "Idempotency-Key" in headers:
        # The name of the example is that of a send with another body, from its second use on.
        headers["Idempotency-Key"] = case.id
    (case.query or {}).pop("cursor", None)


@schemathesis.hook
def filter_failure(_context, failure, case, response):
    """Drops the finding that a valid request was answered 400, if no more than what is in doubt was refused."""
    if not isinstance(failure, RejectedPositiveData) or response.status_code != 400:
        return True
    problem = response.json()
    if problem["code"] == "invalid_parameter":
        # No schema can say which cursors a list has answered.
        return not problem["detail"].startswith("cursor ")
    excused = {place for place, *_ in doubts(case.body)}
    if case.method == "PATCH" and ("scope" in case.body) != ("channels" in case.body):
        # No schema can say what scope a key has so far, and channels go with one of the two.
        excused.add("/channels")
    return not all(mistake["pointer"] in excused for mistake in problem["errors"])
