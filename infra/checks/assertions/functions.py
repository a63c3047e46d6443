"""The configuration of the functions: timeout, runtime, logs and environment."""

import re

from assertion import assertion
from stack import logical_id, references, strings, text

# API Gateway's timeouts for an integration and for a Lambda authorizer, in seconds.
INTEGRATION_TIMEOUT, AUTHORIZER_TIMEOUT = 29, 10

SECRET = re.compile(r"resolve:|[A-Za-z0-9+/]{24,}")

# The functions that issue or verify secrets. The tag key authorizes nothing, and is read without a call at a cold start.
TAGGING = {"Authorizer", "CreateKey", "RotateKey"}
TAG_KEY = {"Fn::Sub": "{{resolve:secretsmanager:${TagKeySecret}}}"}


@assertion(lambda s: s["CreateKey"].update(Timeout=30))
def every_API_function_times_out_before_the_integration_does(s):
    for name, it in s.functions.items():
        if name != "Deliver" and not 3 <= it["Timeout"] < INTEGRATION_TIMEOUT:
            yield name


@assertion(lambda s: s["Authorizer"].update(Timeout=11))
def the_authorizer_times_out_within_the_gateway_s_limit(s):
    if s["Authorizer"]["Timeout"] > AUTHORIZER_TIMEOUT:
        yield "Authorizer"


@assertion(lambda s: s["ListKeys"].update(Architectures=["x86_64"]))
def every_function_runs_on_arm64_by_default(s):
    for name, it in s.functions.items():
        if [s.value(each) for each in it.get("Architectures", ["x86_64"])] != ["arm64"]:
            yield name


@assertion(lambda s: s["ListKeys"].update(Runtime="nodejs20.x"))
def every_function_uses_the_OS_only_runtime(s):
    for name, it in s.functions.items():
        if (it["Runtime"], it["Handler"]) != ("provided.al2023", "bootstrap"):
            yield name


@assertion(lambda s: s["ListKeys"].update(LoggingConfig={"LogGroup": {"Ref": "CreateKeyLog"}}))
def every_function_has_its_own_log_group(s):
    for name, it in s.functions.items():
        if logical_id(it.get("LoggingConfig", {}).get("LogGroup")) != f"{name}Log":
            yield name


@assertion(lambda s: s["DeliverLog"].pop("RetentionInDays"))
def every_log_group_has_the_chosen_retention(s):
    for name, it in s.of("Logs::LogGroup").items():
        if it.get("RetentionInDays") != {"Ref": "LogRetentionDays"}:
            yield name


@assertion(lambda s: s.environment("Deliver").update(LOG_LEVEL="debug"))
def the_log_level_is_a_parameter(s):
    for name in s.functions:
        if s.environment(name).get("LOG_LEVEL") != {"Ref": "LogLevel"}:
            yield name


@assertion(lambda s: s.environment("Deliver").pop("METRICS_STACK"))
def every_function_emits_metrics_with_the_name_of_its_stack(s):
    for name in s.functions:
        if s.environment(name).get("METRICS_STACK") != {"Ref": "AWS::StackName"}:
            yield name


@assertion(lambda s: s.environment("Deliver").update(VAPID_SECRET="{{resolve:secretsmanager:vapid}}"))
def no_environment_variable_contains_a_secret_but_the_tag_key(s):
    for name in s.functions:
        for variable, value in s.environment(name).items():
            if value != TAG_KEY and any(map(SECRET.search, strings(value))):
                yield f"{name} {variable}"


@assertion(lambda s: s.environment("RotateKey").update(TAG_KEY="a fixed text that everyone can read"))
def every_function_with_secrets_of_keys_has_the_same_generated_tag_key(s):
    found = {name: s.environment(name).get("TAG_KEY") for name in s.functions}
    if {name: value for name, value in found.items() if value} != dict.fromkeys(TAGGING, TAG_KEY):
        yield text(found)


@assertion(lambda s: s["Authorizer"].update(ReservedConcurrentExecutions=5), variants=("off",))
def no_concurrency_is_reserved_by_default(s):
    for name, it in s.functions.items():
        if "ReservedConcurrentExecutions" in it:
            yield name


@assertion(lambda s: s.environment("Deliver").update(QUEUE_URL={"Ref": "NoQueue"}))
def every_resource_in_an_environment_exists(s):
    for name in s.functions:
        for reference in references(s.environment(name)):
            if reference not in s.resources and reference not in s.declared and not reference.startswith("AWS::"):
                yield f"{name} {reference}"


def omit_the_log_level(s):
    versions = s.of("Lambda::Version").values()
    version = next(it for it in versions if logical_id(it["FunctionName"]) == "SendPush")
    version["Description"] = {"Fn::Sub": "${Architecture}"}


@assertion(omit_the_log_level)
def a_changed_parameter_publishes_a_new_version(s):
    for name, it in s.of("Lambda::Version").items():
        function = s[logical_id(it["FunctionName"])]
        used = set(references([function["Environment"], function["Architectures"]])) & s.declared.keys()
        if not used <= set(references(it.get("Description"))):
            yield f"{name} lacks {text(sorted(used))}"


@assertion(lambda s: s["AuthorizerAliaslive"].update(FunctionVersion="$LATEST"))
def an_alias_points_to_a_published_version(s):
    for name, it in s.of("Lambda::Alias").items():
        if s.kind(logical_id(it["FunctionVersion"])) != "AWS::Lambda::Version":
            yield name


@assertion(lambda s: s["Deliver"].update(Timeout=901))
def the_timeout_of_Deliver_fits_one_page_of_recipients(s):
    if not 30 <= s["Deliver"]["Timeout"] <= 60:
        yield "Deliver"
