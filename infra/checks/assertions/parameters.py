"""Parameters and outputs, and the optional resources that parameters control."""

from assertion import assertion
from stack import logical_id, references, strings, text

# The types of resources that parameters add.
OPTIONAL = (
    "ApiGateway::DomainName", "ApiGateway::BasePathMapping", "Route53::RecordSet", "WAFv2::WebACL",
    "WAFv2::WebACLAssociation", "Cognito::UserPoolIdentityProvider", "SNS::Subscription",
)

# The properties that set a physical name.
NAME_PROPERTIES = (
    "FunctionName", "TableName", "QueueName", "RoleName", "TopicName", "LogGroupName", "AlarmName", "DashboardName",
    "UserPoolName", "PolicyName", "Name", "ApplicationName", "DeploymentGroupName",
)

# The types for which these properties are not a physical name, or one that is unique within a parent resource.
NAMED_IN_PARENT = (
    "Lambda::Alias", "Lambda::Version", "Lambda::Permission", "Lambda::EventSourceMapping", "Lambda::Url",
    "Route53::RecordSet", "CodeDeploy::DeploymentGroup",
)


def default_endpoint_is_disabled(s):
    servers = s.body.get("servers", [])
    configurations = [it.get("x-amazon-apigateway-endpoint-configuration", {}) for it in servers]
    return any(it.get("disableExecuteApiEndpoint") is True for it in configurations)


def toggle_the_default_endpoint(s):
    disabled = default_endpoint_is_disabled(s)
    s.body["servers"] = [{"x-amazon-apigateway-endpoint-configuration": {"disableExecuteApiEndpoint": not disabled}}]


@assertion(toggle_the_default_endpoint)
def the_default_endpoint_is_disabled_only_with_a_custom_domain(s):
    if default_endpoint_is_disabled(s) != bool(s.parameters["DomainName"]):
        yield "Api"


@assertion(lambda s: s["Apiv1Stage"].pop("Variables"))
def the_stage_changes_with_the_domain(s):
    expected = {"Ref": "DomainName"} if s.parameters["DomainName"] else "none"
    if expected not in s["Apiv1Stage"].get("Variables", {}).values():
        yield "Apiv1Stage"


@assertion(lambda s: s["Domain"].update(SecurityPolicy="TLS_1_0"), variants=("on",))
def a_custom_domain_requires_TLS_1_2(s):
    for name, it in s.of("ApiGateway::DomainName").items():
        if it.get("SecurityPolicy") != "TLS_1_2":
            yield name


@assertion(lambda s: s["DomainMapping"].pop("BasePath"), variants=("on",))
def the_base_path_of_a_custom_domain_is_v1(s):
    for name, it in s.of("ApiGateway::BasePathMapping").items():
        if (it.get("BasePath"), logical_id(it["Stage"]), logical_id(it["RestApiId"])) != ("v1", "Apiv1Stage", "Api"):
            yield name


@assertion(lambda s: s.resources.pop("WebAclAssociation"), variants=("on",))
def the_web_ACL_is_associated_with_the_stage(s):
    associations = s.of("WAFv2::WebACLAssociation").values()
    attached = {logical_id(it["WebACLArn"]): references(it["ResourceArn"]) for it in associations}
    for name in s.of("WAFv2::WebACL"):
        if not {"Api", "Apiv1Stage"} <= set(attached.get(name, [])):
            yield name


@assertion(lambda s: s["WebAcl"]["Rules"][0]["Statement"]["RateBasedStatement"].update(Limit=10), variants=("on",))
def the_web_ACL_limits_the_rate_per_IP_address(s):
    rule = s["WebAcl"]["Rules"][0]
    rate = rule["Statement"]["RateBasedStatement"]
    counted = (rate["AggregateKeyType"], rate["EvaluationWindowSec"], rate["Limit"])
    if counted != ("IP", 300, {"Ref": "WafRateLimit"}) or "Block" not in rule["Action"]:
        yield text(rule)


@assertion(lambda s: s["WebAcl"]["VisibilityConfig"].update(SampledRequestsEnabled=True), variants=("on",))
def the_web_ACL_records_no_requests(s):
    for name, it in s.of("WAFv2::WebACL").items():
        if any(one["VisibilityConfig"]["SampledRequestsEnabled"] for one in (it, *it["Rules"])):
            yield name
    yield from s.of("WAFv2::LoggingConfiguration")


def add_a_domain(s):
    s.resources["Domain"] = {"Type": "AWS::ApiGateway::DomainName", "Properties": {}}


@assertion(add_a_domain, variants=("off",))
def optional_resources_are_absent_by_default(s):
    for kind in OPTIONAL:
        yield from s.of(kind)


@assertion(lambda s: s.resources.pop("DomainRecord"), variants=("on",))
def enabled_optional_resources_exist(s):
    for kind in OPTIONAL:
        if not s.of(kind):
            yield kind


@assertion(lambda s: s["KeysTable"].update(TableName="keys"))
def no_resource_has_a_fixed_name(s):
    for name, it in s.resources.items():
        if it["Type"].removeprefix("AWS::") in NAMED_IN_PARENT:
            continue
        for key in NAME_PROPERTIES:
            if isinstance(it["Properties"].get(key), str):
                yield f"{name} {key}"


@assertion(lambda s: s.outputs.update(Secret={"Value": {"Fn::Sub": "{{resolve:secretsmanager:${VapidSecret}}}"}}))
def no_output_contains_a_secret(s):
    for name, it in s.outputs.items():
        if any("resolve:" in one for one in strings(it["Value"])) or {"VapidSecret", "TagKeySecret"} & set(references(it["Value"])):
            yield name


@assertion(lambda s: s.declared.update(GoogleClientSecret={"Type": "String", "Default": ""}))
def no_parameter_is_a_secret(s):
    for name, it in s.declared.items():
        is_a_reference = "Secrets Manager secret" in it.get("Description", "")
        if any(word in name for word in ("Secret", "Password", "Token")) and not is_a_reference:
            yield name


@assertion(lambda s: s.declared["CanaryDeployment"].pop("Default"))
def every_parameter_has_a_default_and_a_description(s):
    for name, it in s.declared.items():
        if "Default" not in it or len(it.get("Description", "")) < 20:
            yield name
