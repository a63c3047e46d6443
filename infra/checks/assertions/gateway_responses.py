"""What the gateway says by itself, and what it writes down."""

import json
import re

from assertion import assertion

STATUS = {
    "ACCESS_DENIED": 403,
    "UNAUTHORIZED": 401,
    "EXPIRED_TOKEN": 401,
    "AUTHORIZER_FAILURE": 503,
    "AUTHORIZER_CONFIGURATION_ERROR": 500,
    "API_CONFIGURATION_ERROR": 500,
    "INTEGRATION_FAILURE": 504,
    "INTEGRATION_TIMEOUT": 504,
    "MISSING_AUTHENTICATION_TOKEN": 404,
    "RESOURCE_NOT_FOUND": 404,
    "INVALID_SIGNATURE": 404,
    "REQUEST_TOO_LARGE": 413,
    "THROTTLED": 429,
    "QUOTA_EXCEEDED": 429,
    "WAF_FILTERED": 403,
    "BAD_REQUEST_BODY": 400,
    "BAD_REQUEST_PARAMETERS": 400,
    "DEFAULT_4XX": 400,
    "DEFAULT_5XX": 500,
}

# Values that we or the gateway made. A stranger writes paths, methods' names, headers, queries and bodies.
OURS = re.compile(r"\$context\.(requestId|authorizer\.(code|title|detail|refused|allowed))(?![\w.])")

# What an access log may hold: no header, no query, no path as it was sent, no address.
LOGGED = re.compile(
    r"\$context\.(requestId|extendedRequestId|httpMethod|resourcePath|status|responseLatency|integrationLatency"
    r"|authorizer\.(principalId|claims\.sub|latency|status|error)|error\.responseType)(?![\w.])"
)


def header(response, name):
    return response["responseParameters"].get(f"gatewayresponse.header.{name}")


def drop(kind, name):
    """A mutant whose answer lacks a header."""
    return lambda s: s.responses[kind]["responseParameters"].pop(f"gatewayresponse.header.{name}")


def template(response):
    return response["responseTemplates"]["application/json"]


@assertion(lambda s: s.responses.pop("WAF_FILTERED"))
def every_refusal_of_the_gateway_has_words_of_ours(s):
    yield from STATUS.keys() ^ s.responses.keys()


@assertion(lambda s: s.responses["AUTHORIZER_FAILURE"].update(statusCode="500"))
def every_refusal_has_the_status_that_its_cause_deserves(s):
    for kind, it in s.responses.items():
        if str(it["statusCode"]) != str(STATUS.get(kind)):
            yield kind


def say_another_status(s):
    s.responses["THROTTLED"]["responseTemplates"]["application/json"] = template(s.responses["DEFAULT_4XX"])


@assertion(say_another_status)
def every_refusal_is_a_problem_with_its_own_status(s):
    for kind, it in s.responses.items():
        problem = json.loads(template(it))
        members = {"type", "title", "status", "code", "detail", "request_id"}
        named = problem["type"] == f"/v1/problems/{problem['code']}"
        if not members <= problem.keys() or str(problem["status"]) != str(it["statusCode"]) or not named:
            yield kind


@assertion(drop("THROTTLED", "Content-Type"))
def every_refusal_says_that_it_is_a_problem(s):
    for kind, it in s.responses.items():
        one_form = list(it["responseTemplates"]) == ["application/json"]
        if header(it, "Content-Type") != "'application/problem+json'" or not one_form:
            yield kind


@assertion(drop("ACCESS_DENIED", "Access-Control-Allow-Origin"))
def a_browser_may_read_every_refusal(s):
    for kind, it in s.responses.items():
        exposed = header(it, "Access-Control-Expose-Headers") or ""
        if header(it, "Access-Control-Allow-Origin") != "'*'" or "Retry-After" not in exposed:
            yield kind


@assertion(drop("DEFAULT_5XX", "Cache-Control"))
def no_refusal_is_kept_by_anyone(s):
    for kind, it in s.responses.items():
        if header(it, "Cache-Control") != "'no-store'":
            yield kind


@assertion(drop("UNAUTHORIZED", "WWW-Authenticate"))
def a_401_says_how_to_authenticate(s):
    for kind, it in s.responses.items():
        if str(it["statusCode"]) == "401" and header(it, "WWW-Authenticate") != "'Bearer'":
            yield kind


@assertion(drop("AUTHORIZER_FAILURE", "Retry-After"))
def who_may_try_again_is_told_when(s):
    for kind, it in s.responses.items():
        if str(it["statusCode"]) in ("429", "503") and not header(it, "Retry-After"):
            yield kind


def echo_the_path(s):
    s.responses["RESOURCE_NOT_FOUND"]["responseTemplates"]["application/json"] = '{"detail":"$context.path"}'


@assertion(echo_the_path)
def no_refusal_repeats_what_a_stranger_wrote(s):
    for kind, it in s.responses.items():
        if "$" in OURS.sub("", template(it)):
            yield kind


def log_the_address(s):
    setting = s["Apiv1Stage"]["AccessLogSetting"]
    setting["Format"] = setting["Format"].replace("$context.status", "$context.identity.sourceIp")


@assertion(log_the_address, variants=("on",))
def the_access_log_holds_no_header_query_or_address(s):
    if "$" in LOGGED.sub("", s["Apiv1Stage"]["AccessLogSetting"]["Format"]):
        yield s["Apiv1Stage"]["AccessLogSetting"]["Format"]


def log_in_words(s):
    s["Apiv1Stage"]["AccessLogSetting"]["Format"] = "$context.requestId $context.status"


@assertion(log_in_words, variants=("on",))
def the_access_log_is_JSON_and_names_the_request(s):
    try:
        line = json.loads(s["Apiv1Stage"]["AccessLogSetting"]["Format"])
    except ValueError:
        line = {}
    if line.get("request_id") != "$context.requestId":
        yield "Apiv1Stage"
