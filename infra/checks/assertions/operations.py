"""What an operator is told: alarms, canaries, the dashboard."""

import json
import re

from assertion import assertion
from stack import references, target, text
from translate import SOURCE

# The metrics of our functions, as the functions' code lists them, with the dimensions that each has.
CODE = SOURCE.parents[1] / "shared/src/log/metrics.rs"
(LIST,) = re.findall(r"METRICS: [^=]+=\s*&?\[(.*?)\];", CODE.read_text(encoding="utf-8"), re.DOTALL)
EMITTED = {name: [{"Stack"}] for name in re.findall(r'"(\w+)"', LIST)}
EMITTED["Problems"].append({"Stack", "Code"})

# The dimensions of AWS's own metrics, as its documents name them.
DIMENSIONS = {
    "AWS/ApiGateway": [{"ApiName", "Stage"}],
    "AWS/Lambda": [{"FunctionName"}, {"FunctionName", "Resource", "ExecutedVersion"}],
    "AWS/DynamoDB": [{"TableName"}],
    "AWS/SQS": [{"QueueName"}],
}

WATCHED = {
    ("AWS/ApiGateway", "5XXError"), ("Pushgate", "AuthorizerUnavailable"), ("AWS/Lambda", "Throttles"), ("AWS/Lambda", "Duration"),
    ("AWS/DynamoDB", "ReadThrottleEvents"), ("AWS/DynamoDB", "WriteThrottleEvents"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"), ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
    ("Pushgate", "SignatureRejected"), ("AWS/Lambda", "Errors"),
}

CANARIES = {"Authorizer", "SendPush"}

# How the names of alarms begin that watch a canary, and are there with it alone.
OF_CANARY = "Canary"

# What must never be.
AT_ONCE = {"DeadLetterQueueNotEmpty", "SignatureRejected"}


def alarms(s):
    return s.of("CloudWatch::Alarm")


def metrics(s):
    """Each metric that an alarm looks at, with the alarm's name."""
    for name in alarms(s):
        for namespace, metric, dimensions in s.alarm_metrics(name):
            yield name, namespace, metric, dimensions


def groups(s):
    """The deployment of each function that has a canary."""
    return {name.removesuffix("DeploymentGroup"): it for name, it in s.of("CodeDeploy::DeploymentGroup").items()}


@assertion(lambda s: s["DeadLetterQueueNotEmpty"].pop("AlarmActions"))
def every_alarm_tells_the_topic(s):
    for name, it in alarms(s).items():
        if it.get("AlarmActions") != [{"Ref": "AlarmTopic"}] or it.get("ActionsEnabled", True) is not True:
            yield name


@assertion(lambda s: s["DeadLetterQueueNotEmpty"].pop("TreatMissingData"))
def every_alarm_says_what_silence_means(s):
    for name, it in alarms(s).items():
        if it.get("TreatMissingData") not in ("notBreaching", "ignore"):
            yield name


@assertion(lambda s: s["OldestMessageAge"].update(AlarmDescription=""))
def every_alarm_says_what_is_wrong(s):
    for name, it in alarms(s).items():
        if len(it.get("AlarmDescription", "")) < 30:
            yield name


def ring_for_a_blip(s):
    s["ServerErrors"].update(EvaluationPeriods=1, DatapointsToAlarm=1)


@assertion(ring_for_a_blip)
def no_single_bad_minute_wakes_an_operator(s):
    for name, it in alarms(s).items():
        bad = it.get("DatapointsToAlarm", it["EvaluationPeriods"])
        if bad < 2 and name not in AT_ONCE and not name.startswith(OF_CANARY):
            yield name


@assertion(lambda s: s.resources.pop("SignatureRejected"))
def every_fault_that_matters_is_watched(s):
    watched = {(namespace, metric) for _, namespace, metric, _ in metrics(s)}
    yield from (text(one) for one in WATCHED - watched)


@assertion(lambda s: s["SignatureRejected"].update(MetricName="SignaturesRefused"))
def our_alarms_look_at_metrics_that_our_functions_emit(s):
    for name, namespace, metric, dimensions in metrics(s):
        if namespace == "Pushgate" and set(dimensions) not in EMITTED.get(metric, []):
            yield f"{name} {metric}"


@assertion(lambda s: s["SignatureRejected"]["Dimensions"][0].update(Value="pushgate"))
def two_stacks_ring_apart(s):
    for name, namespace, _, dimensions in metrics(s):
        stack = dimensions.get("Stack" if namespace == "Pushgate" else "ApiName", {"Ref": "AWS::StackName"})
        if stack != {"Ref": "AWS::StackName"}:
            yield name


def watch_every_function(s):
    dimensions = [*s["AuthorizerUnavailable"]["Dimensions"], {"Name": "Code", "Value": "unavailable"}]
    s["AuthorizerUnavailable"].update(MetricName="Problems", Dimensions=dimensions)


@assertion(watch_every_function)
def no_alarm_takes_the_refusals_of_all_functions_for_those_of_one(s):
    for name, namespace, metric, _ in metrics(s):
        if (namespace, metric) == ("Pushgate", "Problems"):
            yield name


@assertion(lambda s: s["OldestMessageAge"]["Dimensions"][0].update(Name="Queue"))
def every_alarm_looks_at_dimensions_that_exist(s):
    for name, namespace, _, dimensions in metrics(s):
        if namespace != "Pushgate" and set(dimensions) not in DIMENSIONS[namespace]:
            yield f"{name} {text(sorted(dimensions))}"


@assertion(lambda s: s.resources.pop("PushesWritesThrottled"))
def every_table_is_watched_for_throttling(s):
    of_tables = [(metric, it) for _, namespace, metric, it in metrics(s) if namespace == "AWS/DynamoDB"]
    watched = {(target(it.get("TableName")), metric) for metric, it in of_tables}
    for table in s.of("DynamoDB::Table"):
        for metric in ("ReadThrottleEvents", "WriteThrottleEvents"):
            if (table, metric) not in watched:
                yield f"{table} {metric}"


@assertion(lambda s: s["CanaryAuthorizerErrors"]["Metrics"][0].update(Expression="errors"), variants=("on",))
def every_metric_of_an_alarm_counts(s):
    for name, it in alarms(s).items():
        shown = [one for one in it.get("Metrics", []) if one.get("ReturnData", True)]
        parts = {one["Id"] for one in it.get("Metrics", []) if "MetricStat" in one}
        if parts and (len(shown) != 1 or not parts <= set(re.findall(r"\w+", shown[0]["Expression"]))):
            yield name


@assertion(lambda s: s["DeadLetterQueueNotEmpty"]["Dimensions"][0].update(Value={"Fn::GetAtt": ["PushQueue", "QueueName"]}))
def dead_letters_ring(s):
    dead = [it["QueueName"] for name, _, _, it in metrics(s) if name == "DeadLetterQueueNotEmpty"]
    if [target(it) for it in dead] != ["PushDeadLetterQueue"] or s["DeadLetterQueueNotEmpty"]["Threshold"] != 0:
        yield "DeadLetterQueueNotEmpty"


def use_the_key_of_AWS(s):
    s["AlarmTopic"]["KmsMasterKeyId"] = "alias/aws/sns"


@assertion(use_the_key_of_AWS)
def the_topic_is_encrypted_with_a_key_that_alarms_may_use(s):
    for name, it in s.of("SNS::Topic").items():
        if s.kind(target(it.get("KmsMasterKeyId"))) != "AWS::KMS::Key":
            yield name


def deploy_without_asking(s):
    s.resources["ServerlessDeploymentApplication"] = {"Type": "AWS::CodeDeploy::Application", "Properties": {}}


@assertion(deploy_without_asking, variants=("off",))
def without_a_canary_there_is_nothing_of_CodeDeploy(s):
    for name, it in s.resources.items():
        if it["Type"].startswith("AWS::CodeDeploy::") or "UpdatePolicy" in it or name == "CodeDeployServiceRole":
            yield name


@assertion(lambda s: s["AuthorizerDeploymentGroup"].pop("AlarmConfiguration"), variants=("on",))
def a_canary_is_taken_back_by_alarms(s):
    if groups(s).keys() != CANARIES:
        yield text(sorted(groups(s)))
    for function, it in groups(s).items():
        found = it.get("AlarmConfiguration", {})
        named = [target(alarm["Name"]) for alarm in found.get("Alarms", [])]
        rolls_back = "DEPLOYMENT_STOP_ON_ALARM" in it["AutoRollbackConfiguration"]["Events"]
        if not found.get("Enabled") or len(named) < 2 or not rolls_back or not set(named) <= alarms(s).keys():
            yield function


def watch_all_versions(s):
    s["CanarySendPushErrors"]["Dimensions"].pop()


@assertion(watch_all_versions, variants=("on",))
def a_canary_is_judged_by_its_own_version(s):
    for function, it in groups(s).items():
        named = {target(alarm["Name"]) for alarm in it["AlarmConfiguration"]["Alarms"]}
        versions = {target(found.get("ExecutedVersion")) for name, _, _, found in metrics(s) if name in named} - {None}
        if versions != {target(s[f"{function}Aliaslive"]["FunctionVersion"])}:
            yield function


@assertion(lambda s: s.resources["SendPushAliaslive"].pop("UpdatePolicy"), variants=("on",))
def traffic_moves_by_CodeDeploy(s):
    for function in CANARIES:
        policy = s.resources[f"{function}Aliaslive"].get("UpdatePolicy", {}).get("CodeDeployLambdaAliasUpdate", {})
        if target(policy.get("DeploymentGroupName")) != f"{function}DeploymentGroup":
            yield function


def body(s):
    return s["Dashboard"]["DashboardBody"]["Fn::Sub"]


def break_the_dashboard(s):
    s["Dashboard"]["DashboardBody"]["Fn::Sub"] = body(s).replace("[", "", 1)


@assertion(break_the_dashboard)
def the_dashboard_is_JSON(s):
    try:
        json.loads(body(s))
    except ValueError as error:
        yield str(error)


@assertion(lambda s: s["Dashboard"]["DashboardBody"].update({"Fn::Sub": body(s).replace("${OldestMessageAge.Arn}", "")}))
def the_dashboard_shows_every_alarm_that_is_always_there(s):
    shown = set(references(s["Dashboard"]["DashboardBody"]))
    yield from {name for name in alarms(s) if not name.startswith(OF_CANARY)} - shown


@assertion(lambda s: s["Dashboard"]["DashboardBody"].update({"Fn::Sub": body(s).replace('"Gone"', '"Lost"')}))
def the_dashboard_shows_all_that_our_functions_count(s):
    found = set(re.findall(r'"(\w+)"', body(s))) | set(re.findall(r'MetricName=\\"(\w+)\\"', body(s)))
    yield from EMITTED.keys() - found
