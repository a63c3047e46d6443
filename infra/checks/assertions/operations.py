"""Monitoring: alarms, canary deployments, the dashboard."""

import json
import re

from assertion import assertion
from stack import logical_id, references, text
from translate import SOURCE

# The metrics that the functions emit, as their code lists them, with the dimension sets of each.
CODE = SOURCE.parents[1] / "shared/src/log/metrics.rs"
(LIST,) = re.findall(r"METRICS: [^=]+=\s*&?\[(.*?)\];", CODE.read_text(encoding="utf-8"), re.DOTALL)
EMITTED = {name: [{"Stack"}] for name in re.findall(r'"(\w+)"', LIST)}
EMITTED["Problems"].append({"Stack", "Code"})

# The documented dimension sets of AWS metrics.
DIMENSIONS = {
    "AWS/ApiGateway": [{"ApiName", "Stage"}],
    "AWS/Lambda": [{"FunctionName"}, {"FunctionName", "Resource", "ExecutedVersion"}],
    "AWS/DynamoDB": [{"TableName"}],
    "AWS/SQS": [{"QueueName"}],
}

REQUIRED = {
    ("AWS/ApiGateway", "5XXError"), ("AWS/ApiGateway", "4XXError"), ("Pushgate", "AuthorizerUnavailable"),
    ("Pushgate", "Problems"),
    ("AWS/Lambda", "Throttles"), ("AWS/Lambda", "Duration"),
    ("AWS/DynamoDB", "ReadThrottleEvents"), ("AWS/DynamoDB", "WriteThrottleEvents"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"), ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
    ("Pushgate", "SignatureRejected"), ("Pushgate", "EventMismatch"), ("AWS/Lambda", "Errors"),
}

CANARY_FUNCTIONS = {"Authorizer", "SendPush"}

# The prefix of the alarms that exist for a canary deployment only.
CANARY_PREFIX = "Canary"

# The alarms for conditions that must never occur: one breaching period is enough.
IMMEDIATE = {"DeadLetterQueueNotEmpty", "SignatureRejected", "EventMismatch"}


def alarms(s):
    return s.of("CloudWatch::Alarm")


def metrics(s):
    """The metrics that the alarms watch, each with the alarm's name."""
    for name in alarms(s):
        for namespace, metric, dimensions in s.alarm_metrics(name):
            yield name, namespace, metric, dimensions


def deployment_groups(s):
    """The CodeDeploy deployment group of each function that has one."""
    return {name.removesuffix("DeploymentGroup"): it for name, it in s.of("CodeDeploy::DeploymentGroup").items()}


@assertion(lambda s: s["DeadLetterQueueNotEmpty"].pop("AlarmActions"))
def every_alarm_notifies_the_topic(s):
    for name, it in alarms(s).items():
        if it.get("AlarmActions") != [{"Ref": "AlarmTopic"}] or it.get("ActionsEnabled", True) is not True:
            yield name


@assertion(lambda s: s["DeadLetterQueueNotEmpty"].pop("TreatMissingData"))
def every_alarm_declares_how_missing_data_is_treated(s):
    for name, it in alarms(s).items():
        if it.get("TreatMissingData") not in ("notBreaching", "ignore"):
            yield name


@assertion(lambda s: s["OldestMessageAge"].update(AlarmDescription=""))
def every_alarm_has_a_description(s):
    for name, it in alarms(s).items():
        if len(it.get("AlarmDescription", "")) < 30:
            yield name


def alarm_on_one_period(s):
    s["ServerErrors"].update(EvaluationPeriods=1, DatapointsToAlarm=1)


@assertion(alarm_on_one_period)
def no_single_breaching_period_raises_an_alarm(s):
    for name, it in alarms(s).items():
        needed = it.get("DatapointsToAlarm", it["EvaluationPeriods"])
        if needed < 2 and name not in IMMEDIATE and not name.startswith(CANARY_PREFIX):
            yield name


@assertion(lambda s: s.resources.pop("SignatureRejected"))
def every_required_metric_has_an_alarm(s):
    watched = {(namespace, metric) for _, namespace, metric, _ in metrics(s)}
    yield from map(text, REQUIRED - watched)


@assertion(lambda s: s["SignatureRejected"].update(MetricName="SignaturesRejected"))
def alarms_watch_only_metrics_that_the_functions_emit(s):
    for name, namespace, metric, dimensions in metrics(s):
        if namespace == "Pushgate" and set(dimensions) not in EMITTED.get(metric, []):
            yield f"{name} {metric}"


@assertion(lambda s: s["SignatureRejected"]["Dimensions"][0].update(Value="pushgate"))
def alarms_watch_only_this_stack(s):
    for name, namespace, _, dimensions in metrics(s):
        stack = dimensions.get("Stack" if namespace == "Pushgate" else "ApiName", {"Ref": "AWS::StackName"})
        if stack != {"Ref": "AWS::StackName"}:
            yield name


def watch_every_function(s):
    dimensions = [*s["AuthorizerUnavailable"]["Dimensions"], {"Name": "Code", "Value": "unavailable"}]
    s["AuthorizerUnavailable"].update(MetricName="Problems", Dimensions=dimensions)


@assertion(watch_every_function)
def an_alarm_watches_Problems_only_for_a_code_of_the_authorizer(s):
    for name, namespace, metric, dimensions in metrics(s):
        if (namespace, metric) == ("Pushgate", "Problems") and dimensions.get("Code") != "unauthenticated":
            yield name



@assertion(lambda s: s["OldestMessageAge"]["Dimensions"][0].update(Name="Queue"))
def every_alarm_uses_documented_dimensions(s):
    for name, namespace, _, dimensions in metrics(s):
        if namespace != "Pushgate" and set(dimensions) not in DIMENSIONS[namespace]:
            yield f"{name} {text(sorted(dimensions))}"


@assertion(lambda s: s.resources.pop("PushesWritesThrottled"))
def every_table_has_throttling_alarms(s):
    of_tables = [(metric, it) for _, namespace, metric, it in metrics(s) if namespace == "AWS/DynamoDB"]
    watched = {(logical_id(it.get("TableName")), metric) for metric, it in of_tables}
    for table in s.of("DynamoDB::Table"):
        for metric in ("ReadThrottleEvents", "WriteThrottleEvents"):
            if (table, metric) not in watched:
                yield f"{table} {metric}"


@assertion(lambda s: s["CanaryAuthorizerErrors"]["Metrics"][0].update(Expression="errors"), variants=("on",))
def every_metric_of_an_alarm_is_used_in_its_expression(s):
    for name, it in alarms(s).items():
        returned = [one for one in it.get("Metrics", []) if one.get("ReturnData", True)]
        parts = {one["Id"] for one in it.get("Metrics", []) if "MetricStat" in one}
        if parts and (len(returned) != 1 or not parts <= set(re.findall(r"\w+", returned[0]["Expression"]))):
            yield name


def watch_the_source_queue(s):
    s["DeadLetterQueueNotEmpty"]["Dimensions"][0]["Value"] = {"Fn::GetAtt": ["PushQueue", "QueueName"]}


@assertion(watch_the_source_queue)
def a_dead_letter_raises_an_alarm(s):
    dead = [it["QueueName"] for name, _, _, it in metrics(s) if name == "DeadLetterQueueNotEmpty"]
    if [logical_id(it) for it in dead] != ["PushDeadLetterQueue"] or s["DeadLetterQueueNotEmpty"]["Threshold"] != 0:
        yield "DeadLetterQueueNotEmpty"


def use_the_AWS_managed_key(s):
    s["AlarmTopic"]["KmsMasterKeyId"] = "alias/aws/sns"


@assertion(use_the_AWS_managed_key)
def the_topic_is_encrypted_with_a_customer_managed_key(s):
    for name, it in s.of("SNS::Topic").items():
        if s.kind(logical_id(it.get("KmsMasterKeyId"))) != "AWS::KMS::Key":
            yield name


def add_a_CodeDeploy_application(s):
    s.resources["ServerlessDeploymentApplication"] = {"Type": "AWS::CodeDeploy::Application", "Properties": {}}


@assertion(add_a_CodeDeploy_application, variants=("off",))
def without_canary_deployments_there_are_no_CodeDeploy_resources(s):
    for name, it in s.resources.items():
        if it["Type"].startswith("AWS::CodeDeploy::") or "UpdatePolicy" in it or name == "CodeDeployServiceRole":
            yield name


@assertion(lambda s: s["AuthorizerDeploymentGroup"].pop("AlarmConfiguration"), variants=("on",))
def a_canary_deployment_rolls_back_on_alarms(s):
    if deployment_groups(s).keys() != CANARY_FUNCTIONS:
        yield text(sorted(deployment_groups(s)))
    for function, it in deployment_groups(s).items():
        found = it.get("AlarmConfiguration", {})
        named = [logical_id(alarm["Name"]) for alarm in found.get("Alarms", [])]
        rolls_back = "DEPLOYMENT_STOP_ON_ALARM" in it["AutoRollbackConfiguration"]["Events"]
        if not found.get("Enabled") or len(named) < 2 or not rolls_back or not set(named) <= alarms(s).keys():
            yield function


def watch_all_versions(s):
    s["CanarySendPushErrors"]["Dimensions"].pop()


@assertion(watch_all_versions, variants=("on",))
def a_canary_alarm_watches_the_new_version(s):
    for function, it in deployment_groups(s).items():
        named = {logical_id(alarm["Name"]) for alarm in it["AlarmConfiguration"]["Alarms"]}
        versions = {logical_id(found.get("ExecutedVersion")) for name, _, _, found in metrics(s) if name in named}
        versions -= {None}
        if versions != {logical_id(s[f"{function}Aliaslive"]["FunctionVersion"])}:
            yield function


@assertion(lambda s: s.resources["SendPushAliaslive"].pop("UpdatePolicy"), variants=("on",))
def CodeDeploy_shifts_the_traffic(s):
    for function in CANARY_FUNCTIONS:
        policy = s.resources[f"{function}Aliaslive"].get("UpdatePolicy", {}).get("CodeDeployLambdaAliasUpdate", {})
        if logical_id(policy.get("DeploymentGroupName")) != f"{function}DeploymentGroup":
            yield function


def dashboard_body(s):
    return s["Dashboard"]["DashboardBody"]["Fn::Sub"]


def break_the_dashboard(s):
    s["Dashboard"]["DashboardBody"]["Fn::Sub"] = dashboard_body(s).replace("[", "", 1)


@assertion(break_the_dashboard)
def the_dashboard_is_JSON(s):
    try:
        json.loads(dashboard_body(s))
    except ValueError as error:
        yield str(error)


def hide_an_alarm(s):
    s["Dashboard"]["DashboardBody"]["Fn::Sub"] = dashboard_body(s).replace("${OldestMessageAge.Arn}", "")


@assertion(hide_an_alarm)
def the_dashboard_shows_every_unconditional_alarm(s):
    shown = set(references(s["Dashboard"]["DashboardBody"]))
    yield from {name for name in alarms(s) if not name.startswith(CANARY_PREFIX)} - shown


def hide_a_metric(s):
    s["Dashboard"]["DashboardBody"]["Fn::Sub"] = dashboard_body(s).replace('"Gone"', '"Lost"')


@assertion(hide_a_metric)
def the_dashboard_shows_every_metric_that_the_functions_emit(s):
    body = dashboard_body(s)
    found = set(re.findall(r'"(\w+)"', body)) | set(re.findall(r'MetricName=\\"(\w+)\\"', body))
    yield from EMITTED.keys() - found
