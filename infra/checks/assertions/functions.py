"""How the functions run: their time, their machine, their logs and what they are told."""

import re

from assertion import assertion
from stack import references, strings, target, text

# What API Gateway waits for an answer, and for an authorizer, in seconds.
GATEWAY, AUTHORIZER = 29, 10

SECRET = re.compile(r"resolve:|[A-Za-z0-9+/]{24,}")


@assertion(lambda s: s["CreateKey"].update(Timeout=30))
def every_function_of_the_api_ends_before_the_gateway_gives_up(s):
    for name, it in s.functions.items():
        if name != "Deliver" and not 3 <= it["Timeout"] < GATEWAY:
            yield name


@assertion(lambda s: s["Authorizer"].update(Timeout=11))
def the_authorizer_ends_before_the_gateway_gives_up(s):
    if s["Authorizer"]["Timeout"] > AUTHORIZER:
        yield "Authorizer"


@assertion(lambda s: s["ListKeys"].update(Architectures=["x86_64"]))
def every_function_runs_on_arm64_unless_told_otherwise(s):
    for name, it in s.functions.items():
        if [s.value(one) for one in it.get("Architectures", ["x86_64"])] != ["arm64"]:
            yield name


@assertion(lambda s: s["ListKeys"].update(Runtime="nodejs20.x"))
def every_function_is_a_program_of_its_own(s):
    for name, it in s.functions.items():
        if (it["Runtime"], it["Handler"]) != ("provided.al2023", "bootstrap"):
            yield name


@assertion(lambda s: s["ListKeys"].update(LoggingConfig={"LogGroup": {"Ref": "CreateKeyLog"}}))
def every_function_has_a_log_of_its_own(s):
    for name, it in s.functions.items():
        if target(it.get("LoggingConfig", {}).get("LogGroup")) != f"{name}Log":
            yield name


@assertion(lambda s: s["DeliverLog"].pop("RetentionInDays"))
def every_log_ends_after_the_chosen_days(s):
    for name, it in s.of("Logs::LogGroup").items():
        if it.get("RetentionInDays") != {"Ref": "LogRetentionDays"}:
            yield name


@assertion(lambda s: s.environment("Deliver").update(LOG_LEVEL="debug"))
def what_is_logged_is_a_parameter(s):
    for name in s.functions:
        if s.environment(name).get("LOG_LEVEL") != {"Ref": "LogLevel"}:
            yield name


@assertion(lambda s: s.environment("Deliver").pop("METRICS_STACK"))
def every_function_counts_under_the_name_of_its_stack(s):
    for name in s.functions:
        if s.environment(name).get("METRICS_STACK") != {"Ref": "AWS::StackName"}:
            yield name


@assertion(lambda s: s.environment("Deliver").update(VAPID_SECRET="{{resolve:secretsmanager:vapid}}"))
def no_function_is_told_a_secret(s):
    for name in s.functions:
        for variable, value in s.environment(name).items():
            if any(map(SECRET.search, strings(value))):
                yield f"{name} {variable}"


@assertion(lambda s: s.environment("Deliver").update(QUEUE_URL={"Ref": "NoQueue"}))
def what_a_function_is_told_of_exists(s):
    for name in s.functions:
        for reference in references(s.environment(name)):
            if reference not in s.resources and reference not in s.declared and not reference.startswith("AWS::"):
                yield f"{name} {reference}"


def forget_the_level(s):
    versions = s.of("Lambda::Version").values()
    next(it for it in versions if target(it["FunctionName"]) == "SendPush")["Description"] = {"Fn::Sub": "${Architecture}"}


@assertion(forget_the_level)
def a_changed_parameter_makes_a_new_version(s):
    for name, it in s.of("Lambda::Version").items():
        function = s[target(it["FunctionName"])]
        told = set(references([function["Environment"], function["Architectures"]])) & s.declared.keys()
        if not told <= set(references(it.get("Description"))):
            yield f"{name} lacks {text(sorted(told))}"


@assertion(lambda s: s["AuthorizerAliaslive"].update(FunctionVersion="$LATEST"))
def an_alias_stands_for_a_published_version(s):
    for name, it in s.of("Lambda::Alias").items():
        if s.kind(target(it["FunctionVersion"])) != "AWS::Lambda::Version":
            yield name


@assertion(lambda s: s["Deliver"].update(Timeout=901))
def Deliver_has_time_for_a_page_and_no_more(s):
    if not 30 <= s["Deliver"]["Timeout"] <= 60:
        yield "Deliver"
