"""Who may call what: routes, authorizers, stages and permissions."""

from assertion import assertion
from stack import references, target, text

PEOPLE = {
    "POST /keys", "GET /keys", "GET /keys/{id}", "PATCH /keys/{id}", "DELETE /keys/{id}", "POST /keys/{id}/rotate",
    "POST /keys/{id}/explain", "GET /keys/{id}/history", "POST /channels", "GET /channels", "DELETE /channels/{channel}", "GET /pushes", "GET /pushes/{id}",
}
# For everybody: a browser's question before the key may be sent, and the pages that explain refusals.
PUBLIC = {"GET /problems/{code}"}
KEYS = {
    "POST /push", "POST /channels/{channel}/push", "GET /push/{id}", "PUT /subscriptions", "DELETE /subscriptions/{id}",
    "GET /subscriptions/config",
}


def authorizers(route):
    return [name for entry in route.get("security", []) for name in entry]


def declared(stack):
    """The authorizers of the API, by name."""
    schemes = stack.body["components"]["securitySchemes"].items()
    return {name: it["x-amazon-apigateway-authorizer"] for name, it in schemes}


def called(stack, address):
    """What an invocation address calls: a function, or its alias."""
    return {name for name in references(address) if stack.kind(name).startswith("AWS::Lambda::")}


def forget_the_authorizer(s):
    del s.routes["POST /push"]["security"]


def is_public(route):
    return route.startswith("OPTIONS ") or route in PUBLIC


@assertion(forget_the_authorizer)
def every_route_names_one_authorizer_that_exists(s):
    for name, route in s.routes.items():
        named = authorizers(route)
        if len(named) != 1 or not set(named) <= declared(s).keys() | {"NONE"}:
            yield name


@assertion(lambda s: s.routes["GET /keys"].update(security=[{"NONE": []}]))
def only_OPTIONS_and_the_pages_of_problems_are_public(s):
    for name, route in s.routes.items():
        if ("NONE" in authorizers(route)) != is_public(name):
            yield name


@assertion(lambda s: s.routes["POST /keys"].update(security=[{"ApiKeyAuthorizer": []}]))
def a_key_never_manages_keys_and_a_person_never_sends(s):
    for name, route in s.routes.items():
        if is_public(name):
            continue
        expected = "UserPoolAuthorizer" if name in PEOPLE else "ApiKeyAuthorizer" if name in KEYS else "an entry in this list"
        if authorizers(route) != [expected]:
            yield f"{name} needs {expected}"


@assertion(lambda s: s.body["paths"]["/push"].pop("options"))
def every_path_answers_a_browser_s_question(s):
    for path, methods in s.body["paths"].items():
        if "options" not in methods:
            yield path


@assertion(lambda s: declared(s)["ApiKeyAuthorizer"].update(authorizerResultTtlInSeconds=300))
def the_answer_of_the_authorizer_is_never_kept(s):
    for name, it in declared(s).items():
        if it["type"] != "cognito_user_pools" and it.get("authorizerResultTtlInSeconds") != 0:
            yield name


@assertion(lambda s: declared(s)["ApiKeyAuthorizer"].update(identitySource="method.request.header.Authorization"))
def the_authorizer_sees_requests_that_lack_a_header(s):
    for name, it in declared(s).items():
        if it["type"] != "cognito_user_pools" and "identitySource" in it:
            yield name


def pin_the_authorizer(s):
    declared(s)["ApiKeyAuthorizer"]["authorizerUri"] = {"Fn::Sub": "arn:aws:lambda:::functions/${Authorizer.Arn}/invocations"}


@assertion(pin_the_authorizer)
def the_authorizer_is_called_by_its_alias(s):
    if called(s, declared(s)["ApiKeyAuthorizer"]["authorizerUri"]) != {"AuthorizerAliaslive"}:
        yield text(declared(s)["ApiKeyAuthorizer"]["authorizerUri"])


@assertion(lambda s: declared(s)["UserPoolAuthorizer"].update(providerARNs=["arn:aws:cognito-idp:eu-central-1:1:userpool/other"]))
def people_sign_in_at_the_pool_of_this_stack(s):
    if [target(it) for it in declared(s)["UserPoolAuthorizer"]["providerARNs"]] != ["UserPool"]:
        yield "UserPoolAuthorizer"


@assertion(lambda s: declared(s)["UserPoolAuthorizer"].pop("identityValidationExpression"))
def a_token_of_another_client_of_the_pool_is_refused(s):
    if target(declared(s)["UserPoolAuthorizer"].get("identityValidationExpression")) != "UserPoolClient":
        yield "UserPoolAuthorizer"


def pin_send_push(s):
    uri = {"Fn::Sub": "arn:aws:lambda:::functions/${SendPush.Arn}/invocations"}
    s.routes["POST /push"]["x-amazon-apigateway-integration"]["uri"] = uri


@assertion(pin_send_push)
def a_route_calls_the_alias_of_a_function_that_has_one(s):
    aliased = {target(it["FunctionName"]) for it in s.of("Lambda::Alias").values()}
    for name, route in s.routes.items():
        if called(s, route["x-amazon-apigateway-integration"]["uri"]) & aliased:
            yield name


@assertion(lambda s: s.routes["GET /keys"]["x-amazon-apigateway-integration"].update(type="aws"))
def the_gateway_changes_nothing_in_requests_and_answers(s):
    for name, route in s.routes.items():
        if route["x-amazon-apigateway-integration"]["type"] != "aws_proxy":
            yield name


@assertion(lambda s: s.resources.update(ApiStage={"Type": "AWS::ApiGateway::Stage", "Properties": {"StageName": "Stage"}}))
def there_is_one_stage(s):
    stages = [it["StageName"] for it in s.of("ApiGateway::Stage").values()]
    deployments = [it["StageName"] for it in s.of("ApiGateway::Deployment").values() if "StageName" in it]
    if stages + deployments != ["v1"]:
        yield text(stages + deployments)


@assertion(lambda s: s["CreateKeyPostPermissionv1"].pop("SourceArn"))
def only_this_api_may_call_a_function(s):
    for name, it in s.of("Lambda::Permission").items():
        of_this_api = "Api" in references(it.get("SourceArn"))
        if it["Principal"] != "apigateway.amazonaws.com" or not of_this_api:
            yield name


def let_a_route_call(s):
    s["ApiApiKeyAuthorizerAuthorizerPermission"]["SourceArn"] = {"Fn::Sub": "arn:aws:execute-api:::${Api}/*/GET/keys"}


@assertion(let_a_route_call)
def no_route_calls_the_authorizer(s):
    for name, it in s.of("Lambda::Permission").items():
        if target(it["FunctionName"]) == "AuthorizerAliaslive" and "/authorizers/" not in text(it["SourceArn"]):
            yield name


def address_a_function(s):
    s.resources["Open"] = {"Type": "AWS::Lambda::Url", "Properties": {"AuthType": "NONE"}}


@assertion(address_a_function)
def no_function_has_an_address_of_its_own(s):
    yield from s.of("Lambda::Url")
