"""What may be added to a stack, and what a stack never has."""

from assertion import assertion
from stack import references, strings, target, text

OPTIONAL = ("ApiGateway::DomainName", "ApiGateway::BasePathMapping", "Route53::RecordSet", "WAFv2::WebACL",
            "WAFv2::WebACLAssociation", "Cognito::UserPoolIdentityProvider", "SNS::Subscription")

NAMES = ("FunctionName", "TableName", "QueueName", "RoleName", "TopicName", "LogGroupName", "AlarmName", "DashboardName",
         "UserPoolName", "PolicyName", "Name", "ApplicationName", "DeploymentGroupName")

# Of these the name is not a resource's own, or is one within another resource.
NAMED_WITHIN = ("Lambda::Alias", "Lambda::Version", "Lambda::Permission", "Lambda::EventSourceMapping", "Route53::RecordSet",
                "CodeDeploy::DeploymentGroup", "Lambda::Url")


def endpoint_is_off(s):
    servers = s.body.get("servers", [])
    found = [it.get("x-amazon-apigateway-endpoint-configuration", {}).get("disableExecuteApiEndpoint") for it in servers]
    return True in found


def turn_the_endpoint(s):
    off = endpoint_is_off(s)
    s.body["servers"] = [{"x-amazon-apigateway-endpoint-configuration": {"disableExecuteApiEndpoint": not off}}]


@assertion(turn_the_endpoint)
def the_default_address_is_off_with_an_own_domain_and_only_then(s):
    if endpoint_is_off(s) != bool(s.parameters["DomainName"]):
        yield "Api"


@assertion(lambda s: s["Apiv1Stage"].pop("Variables"))
def the_stage_changes_with_the_domain(s):
    expected = {"Ref": "DomainName"} if s.parameters["DomainName"] else "none"
    if expected not in s["Apiv1Stage"].get("Variables", {}).values():
        yield "Apiv1Stage"


@assertion(lambda s: s["Domain"].update(SecurityPolicy="TLS_1_0"), variants=("on",))
def an_own_domain_speaks_TLS_1_2(s):
    for name, it in s.of("ApiGateway::DomainName").items():
        if it.get("SecurityPolicy") != "TLS_1_2":
            yield name


@assertion(lambda s: s["DomainMapping"].pop("BasePath"), variants=("on",))
def addresses_begin_with_v1_at_an_own_domain_too(s):
    for name, it in s.of("ApiGateway::BasePathMapping").items():
        if (it.get("BasePath"), target(it["Stage"]), target(it["RestApiId"])) != ("v1", "Apiv1Stage", "Api"):
            yield name


@assertion(lambda s: s.resources.pop("WebAclAssociation"), variants=("on",))
def the_firewall_stands_in_front_of_the_stage(s):
    attached = {target(it["WebACLArn"]): references(it["ResourceArn"]) for it in s.of("WAFv2::WebACLAssociation").values()}
    for name in s.of("WAFv2::WebACL"):
        if not {"Api", "Apiv1Stage"} <= set(attached.get(name, [])):
            yield name


@assertion(lambda s: s["WebAcl"]["Rules"][0]["Statement"]["RateBasedStatement"].update(Limit=10), variants=("on",))
def the_firewall_counts_requests_of_an_address(s):
    rule = s["WebAcl"]["Rules"][0]
    rate = rule["Statement"]["RateBasedStatement"]
    counted = (rate["AggregateKeyType"], rate["EvaluationWindowSec"], rate["Limit"])
    if counted != ("IP", 300, {"Ref": "WafRateLimit"}) or "Block" not in rule["Action"]:
        yield text(rule)


@assertion(lambda s: s["WebAcl"]["VisibilityConfig"].update(SampledRequestsEnabled=True), variants=("on",))
def the_firewall_keeps_no_request_with_its_key(s):
    for name, it in s.of("WAFv2::WebACL").items():
        if any(one["VisibilityConfig"]["SampledRequestsEnabled"] for one in (it, *it["Rules"])):
            yield name
    yield from s.of("WAFv2::LoggingConfiguration")


@assertion(lambda s: s.resources.update(Domain={"Type": "AWS::ApiGateway::DomainName", "Properties": {}}), variants=("off",))
def what_is_optional_is_absent_unless_asked_for(s):
    for kind in OPTIONAL:
        yield from s.of(kind)


@assertion(lambda s: s.resources.pop("DomainRecord"), variants=("on",))
def what_is_asked_for_is_there(s):
    for kind in OPTIONAL:
        if not s.of(kind):
            yield kind


@assertion(lambda s: s["KeysTable"].update(TableName="keys"))
def two_stacks_fit_in_one_account(s):
    for name, it in s.resources.items():
        if it["Type"].removeprefix("AWS::") in NAMED_WITHIN:
            continue
        for key in NAMES:
            if isinstance(it["Properties"].get(key), str):
                yield f"{name} {key}"


@assertion(lambda s: s.outputs.update(Secret={"Value": {"Fn::Sub": "{{resolve:secretsmanager:${VapidSecret}}}"}}))
def no_output_holds_a_secret(s):
    for name, it in s.outputs.items():
        if any("resolve:" in one for one in strings(it["Value"])) or "VapidSecret" in references(it["Value"]):
            yield name


@assertion(lambda s: s.declared.update(GoogleClientSecret={"Type": "String", "Default": ""}))
def no_parameter_is_a_secret(s):
    for name, it in s.declared.items():
        names_one = "Secrets Manager secret" in it.get("Description", "")
        if any(word in name for word in ("Secret", "Password", "Token")) and not names_one:
            yield name


@assertion(lambda s: s.declared["CanaryDeployment"].pop("Default"))
def every_parameter_has_a_default_and_says_what_it_is_for(s):
    for name, it in s.declared.items():
        if "Default" not in it or len(it.get("Description", "")) < 20:
            yield name
