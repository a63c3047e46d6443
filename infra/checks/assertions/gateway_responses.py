"""The responses that API Gateway writes itself, and its access log."""

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

# Context variables that the authorizer or API Gateway sets. All others may contain client input.
TRUSTED = re.compile(r"\$context\.(requestId|authorizer\.(code|title|detail|refused|allowed))(?![\w.])")

# Context variables that the access log may contain: no header, no query, no raw path, no IP address.
LOGGABLE = re.compile(
    r"\$context\.(requestId|extendedRequestId|httpMethod|resourcePath|status|responseLatency|integrationLatency"
    r"|authorizer\.(principalId|claims\.sub|latency|status|error)|error\.responseType)(?![\w.])"
)


def header(response, name):
    return response["responseParameters"].get(f"gatewayresponse.header.{name}")


def drop_header(kind, name):
    """A mutant whose response lacks a header."""
    return lambda s: s.responses[kind]["responseParameters"].pop(f"gatewayresponse.header.{name}")


def template(response):
    return response["responseTemplates"]["application/json"]


@assertion(lambda s: s.responses.pop("WAF_FILTERED"))
def every_gateway_response_is_customized(s):
    yield from STATUS.keys() ^ s.responses.keys()


@assertion(lambda s: s.responses["AUTHORIZER_FAILURE"].update(statusCode="500"))
def every_gateway_response_has_the_expected_status(s):
    for kind, it in s.responses.items():
        if str(it["statusCode"]) != str(STATUS.get(kind)):
            yield kind


def use_another_status(s):
    s.responses["THROTTLED"]["responseTemplates"]["application/json"] = template(s.responses["DEFAULT_4XX"])


@assertion(use_another_status)
def every_gateway_response_is_a_problem_with_its_own_status(s):
    for kind, it in s.responses.items():
        problem = json.loads(template(it))
        members = {"type", "title", "status", "code", "detail", "request_id"}
        named = problem["type"] == f"/v1/problems/{problem['code']}"
        if not members <= problem.keys() or str(problem["status"]) != str(it["statusCode"]) or not named:
            yield kind


@assertion(drop_header("THROTTLED", "Content-Type"))
def every_gateway_response_has_the_problem_media_type(s):
    for kind, it in s.responses.items():
        json_only = list(it["responseTemplates"]) == ["application/json"]
        if header(it, "Content-Type") != "'application/problem+json'" or not json_only:
            yield kind


@assertion(drop_header("ACCESS_DENIED", "Access-Control-Allow-Origin"))
def every_gateway_response_has_CORS_headers(s):
    for kind, it in s.responses.items():
        exposed = header(it, "Access-Control-Expose-Headers") or ""
        if header(it, "Access-Control-Allow-Origin") != "'*'" or "Retry-After" not in exposed:
            yield kind


@assertion(drop_header("DEFAULT_5XX", "Cache-Control"))
def no_gateway_response_is_cached(s):
    for kind, it in s.responses.items():
        if header(it, "Cache-Control") != "'no-store'":
            yield kind


@assertion(drop_header("THROTTLED", "X-Content-Type-Options"))
def no_browser_guesses_the_type_of_a_gateway_response(s):
    for kind, it in s.responses.items():
        if header(it, "X-Content-Type-Options") != "'nosniff'":
            yield kind


@assertion(drop_header("UNAUTHORIZED", "Strict-Transport-Security"))
def every_gateway_response_requires_HTTPS(s):
    for kind, it in s.responses.items():
        if header(it, "Strict-Transport-Security") != "'max-age=63072000'":
            yield kind


@assertion(drop_header("UNAUTHORIZED", "WWW-Authenticate"))
def a_401_has_a_WWW_Authenticate_header(s):
    for kind, it in s.responses.items():
        if str(it["statusCode"]) == "401" and header(it, "WWW-Authenticate") != "'Bearer'":
            yield kind


@assertion(drop_header("AUTHORIZER_FAILURE", "Retry-After"))
def a_retryable_response_has_a_Retry_After_header(s):
    for kind, it in s.responses.items():
        if str(it["statusCode"]) in ("429", "503") and not header(it, "Retry-After"):
            yield kind


def echo_the_path(s):
    s.responses["RESOURCE_NOT_FOUND"]["responseTemplates"]["application/json"] = '{"detail":"$context.path"}'


@assertion(echo_the_path)
def no_gateway_response_echoes_client_input(s):
    for kind, it in s.responses.items():
        if "$" in TRUSTED.sub("", template(it)):
            yield kind


def log_the_ip_address(s):
    setting = s["Apiv1Stage"]["AccessLogSetting"]
    setting["Format"] = setting["Format"].replace("$context.status", "$context.identity.sourceIp")


@assertion(log_the_ip_address, variants=("on",))
def the_access_log_contains_no_header_query_or_ip_address(s):
    if "$" in LOGGABLE.sub("", s["Apiv1Stage"]["AccessLogSetting"]["Format"]):
        yield s["Apiv1Stage"]["AccessLogSetting"]["Format"]


def log_plain_text(s):
    s["Apiv1Stage"]["AccessLogSetting"]["Format"] = "$context.requestId $context.status"


@assertion(log_plain_text, variants=("on",))
def the_access_log_is_JSON_with_the_request_id(s):
    try:
        line = json.loads(s["Apiv1Stage"]["AccessLogSetting"]["Format"])
    except ValueError:
        line = {}
    if line.get("request_id") != "$context.requestId":
        yield "Apiv1Stage"
