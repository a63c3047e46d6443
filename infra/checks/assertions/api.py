"""Access to the API: routes, authorizers, stages and invoke permissions."""

from pathlib import Path

import yaml
from assertion import assertion
from stack import logical_id, references, text

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "openapi.yaml"

# Public besides the CORS preflight routes: the pages that explain the problem codes. Kept by hand, so that no edit of the
# OpenAPI document alone makes a route public.
PUBLIC_ROUTES = {"GET /problems/{code}", "GET /console", "GET /console/{file}"}
# The authorizers of the security schemes in the OpenAPI document.
SCHEMES = {"user": "UserPoolAuthorizer", "key": "ApiKeyAuthorizer", "keyHeader": "ApiKeyAuthorizer"}
METHODS = {"get", "put", "post", "patch", "delete", "options"}


def documented():
    """The authorizers of each route by the OpenAPI document; `NONE` for a public one."""
    paths = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))["paths"].items()
    operations = ((f"{method.upper()} {path}", it) for path, item in paths for method, it in item.items()
                  if method in METHODS)
    return {name: {SCHEMES[scheme] for entry in it["security"] for scheme in entry} or {"NONE"}
            for name, it in operations}


DOCUMENTED = documented()


def authorizers(route):
    return [name for entry in route.get("security", []) for name in entry]


def declared(stack):
    """The authorizers of the API, by name."""
    schemes = stack.body["components"]["securitySchemes"].items()
    return {name: it["x-amazon-apigateway-authorizer"] for name, it in schemes}


def invoked(stack, uri):
    """What an integration URI invokes: a function or its alias."""
    return {name for name in references(uri) if stack.kind(name).startswith("AWS::Lambda::")}


def remove_the_authorizer(s):
    del s.routes["POST /push"]["security"]


def is_public(route):
    return route.startswith("OPTIONS ") or route in PUBLIC_ROUTES


@assertion(remove_the_authorizer)
def every_route_has_exactly_one_authorizer(s):
    for name, route in s.routes.items():
        named = authorizers(route)
        if len(named) != 1 or not set(named) <= declared(s).keys() | {"NONE"}:
            yield name


@assertion(lambda s: s.routes["GET /keys"].update(security=[{"NONE": []}]))
def only_OPTIONS_the_console_and_the_problem_pages_are_public(s):
    for name, route in s.routes.items():
        if ("NONE" in authorizers(route)) != is_public(name):
            yield name


@assertion(lambda s: s.routes["POST /keys"].update(security=[{"ApiKeyAuthorizer": []}]))
def a_key_never_manages_keys_and_a_user_never_sends(s):
    for name, route in s.routes.items():
        path = name.partition(" ")[2]
        if is_public(name):
            continue
        if path.startswith("/keys") and authorizers(route) != ["UserPoolAuthorizer"]:
            yield f"{name} is not for users alone"
        if path.endswith("/push") and authorizers(route) != ["ApiKeyAuthorizer"]:
            yield f"{name} is not for keys alone"


@assertion(lambda s: s.routes["GET /push/{id}"].update(security=[{"UserPoolAuthorizer": []}]))
def every_route_has_the_authorizer_that_the_OpenAPI_document_names(s):
    for name, route in s.routes.items():
        expected = DOCUMENTED.get(name)
        if expected != set(authorizers(route)):
            yield f"{name} is expected to have {expected}"
    for name in DOCUMENTED.keys() - s.routes.keys():
        yield f"{name} is not in the template"


@assertion(lambda s: s.body["paths"]["/push"].pop("options"))
def every_path_has_a_preflight_route(s):
    for path, methods in s.body["paths"].items():
        if "options" not in methods:
            yield path


@assertion(lambda s: declared(s)["ApiKeyAuthorizer"].update(authorizerResultTtlInSeconds=300))
def the_result_of_the_authorizer_is_never_cached(s):
    for name, it in declared(s).items():
        if it["type"] != "cognito_user_pools" and it.get("authorizerResultTtlInSeconds") != 0:
            yield name


@assertion(lambda s: declared(s)["ApiKeyAuthorizer"].update(identitySource="method.request.header.Authorization"))
def the_authorizer_is_invoked_for_requests_without_credentials(s):
    for name, it in declared(s).items():
        if it["type"] != "cognito_user_pools" and "identitySource" in it:
            yield name


def pin_the_authorizer(s):
    uri = {"Fn::Sub": "arn:aws:lambda:::functions/${Authorizer.Arn}/invocations"}
    declared(s)["ApiKeyAuthorizer"]["authorizerUri"] = uri


@assertion(pin_the_authorizer)
def the_authorizer_is_invoked_through_its_alias(s):
    if invoked(s, declared(s)["ApiKeyAuthorizer"]["authorizerUri"]) != {"AuthorizerAliaslive"}:
        yield text(declared(s)["ApiKeyAuthorizer"]["authorizerUri"])


def use_another_user_pool(s):
    declared(s)["UserPoolAuthorizer"]["providerARNs"] = ["arn:aws:cognito-idp:eu-central-1:1:userpool/other"]


@assertion(use_another_user_pool)
def users_sign_in_with_the_user_pool_of_this_stack(s):
    if [logical_id(it) for it in declared(s)["UserPoolAuthorizer"]["providerARNs"]] != ["UserPool"]:
        yield "UserPoolAuthorizer"


# Each function of a route for users compares the audience of the token with it.
@assertion(lambda s: s["Apiv1Stage"]["Variables"].update(app_client="none"))
def the_stage_names_the_app_client(s):
    for name, it in s.of("ApiGateway::Stage").items():
        if logical_id(it["Variables"].get("app_client")) != "UserPoolClient":
            yield name


@assertion(lambda s: s["Api"].update(MinimumCompressionSize=None))
def large_responses_are_compressed(s):
    if s["Api"].get("MinimumCompressionSize") != 1024:
        yield "Api"


def pin_send_push(s):
    uri = {"Fn::Sub": "arn:aws:lambda:::functions/${SendPush.Arn}/invocations"}
    s.routes["POST /push"]["x-amazon-apigateway-integration"]["uri"] = uri


@assertion(pin_send_push)
def a_route_invokes_the_alias_of_a_function_that_has_one(s):
    aliased = {logical_id(it["FunctionName"]) for it in s.of("Lambda::Alias").values()}
    for name, route in s.routes.items():
        if invoked(s, route["x-amazon-apigateway-integration"]["uri"]) & aliased:
            yield name


@assertion(lambda s: s.routes["GET /keys"]["x-amazon-apigateway-integration"].update(type="aws"))
def every_route_is_a_proxy_integration(s):
    for name, route in s.routes.items():
        if route["x-amazon-apigateway-integration"]["type"] != "aws_proxy":
            yield name


def add_a_stage(s):
    s.resources["ApiStage"] = {"Type": "AWS::ApiGateway::Stage", "Properties": {"StageName": "Stage"}}


@assertion(add_a_stage)
def there_is_one_stage(s):
    stages = [it["StageName"] for it in s.of("ApiGateway::Stage").values()]
    deployments = [it["StageName"] for it in s.of("ApiGateway::Deployment").values() if "StageName" in it]
    if stages + deployments != ["v1"]:
        yield text(stages + deployments)


@assertion(lambda s: s["CreateKeyPostPermissionv1"].pop("SourceArn"))
def only_this_API_may_invoke_a_function(s):
    for name, it in s.of("Lambda::Permission").items():
        is_this_api = "Api" in references(it.get("SourceArn"))
        if it["Principal"] != "apigateway.amazonaws.com" or not is_this_api:
            yield name


def let_a_route_invoke_it(s):
    s["ApiApiKeyAuthorizerAuthorizerPermission"]["SourceArn"] = {"Fn::Sub": "arn:aws:execute-api:::${Api}/*/GET/keys"}


@assertion(let_a_route_invoke_it)
def no_route_invokes_the_authorizer(s):
    for name, it in s.of("Lambda::Permission").items():
        if logical_id(it["FunctionName"]) == "AuthorizerAliaslive" and "/authorizers/" not in text(it["SourceArn"]):
            yield name


def add_a_function_URL(s):
    s.resources["Open"] = {"Type": "AWS::Lambda::Url", "Properties": {"AuthType": "NONE"}}


@assertion(add_a_function_URL)
def no_function_has_a_function_URL(s):
    yield from s.of("Lambda::Url")


KEY_ROUTES = {name for name, schemes in DOCUMENTED.items() if schemes == {"ApiKeyAuthorizer"}}


def throttles(s):
    """The throttle of each route that has its own, and the default of the stage as `* /*`."""
    settings = s["Apiv1Stage"].get("MethodSettings", [])
    return {f"{it['HttpMethod']} {it['ResourcePath']}":
            (it.get("ThrottlingRateLimit"), it.get("ThrottlingBurstLimit")) for it in settings}


@assertion(lambda s: s["Apiv1Stage"].pop("MethodSettings"))
def every_route_is_throttled(s):
    rate = {"Ref": "UserRequestRate"}
    if throttles(s).get("* /*") != (rate, rate):
        yield "* /*"


@assertion(lambda s: s["Apiv1Stage"]["MethodSettings"].pop(1))
def every_route_for_keys_and_its_preflight_has_the_throttle_of_keys(s):
    rate = {"Ref": "KeyRequestRate"}
    subscribing = {f"OPTIONS {name.partition(' ')[2]}" for name in KEY_ROUTES if " /subscriptions" in name}
    own = {name for name, limits in throttles(s).items() if limits == (rate, rate)}
    if own != KEY_ROUTES | subscribing:
        yield text(sorted(own ^ (KEY_ROUTES | subscribing)))
