"""Stored data: tables, queues, the VAPID secret."""

from assertion import assertion
from stack import logical_id

RETAINED_TYPES = ("DynamoDB::Table", "SecretsManager::Secret", "Cognito::UserPool")

# The default retention of SQS, in seconds (4 days).
DEFAULT_RETENTION = 345_600


def dead_letter_queues(s):
    """The dead-letter queue of each queue that has one."""
    policies = {name: it.get("RedrivePolicy") for name, it in s.of("SQS::Queue").items()}
    return {name: logical_id(it["deadLetterTargetArn"]) for name, it in policies.items() if it}


@assertion(lambda s: s["KeysTable"]["PointInTimeRecoverySpecification"].update(PointInTimeRecoveryEnabled=False))
def every_table_has_point_in_time_recovery(s):
    for name, it in s.of("DynamoDB::Table").items():
        if it.get("PointInTimeRecoverySpecification") != {"PointInTimeRecoveryEnabled": True}:
            yield name


@assertion(lambda s: s["KeysTable"].update(DeletionProtectionEnabled=False))
def every_table_has_deletion_protection(s):
    for name, it in s.of("DynamoDB::Table").items():
        if it.get("DeletionProtectionEnabled") is not True:
            yield name


@assertion(lambda s: s["KeysTable"].pop("SSESpecification"))
def every_table_is_encrypted_with_KMS(s):
    for name, it in s.of("DynamoDB::Table").items():
        if it.get("SSESpecification", {}).get("SSEEnabled") is not True:
            yield name


@assertion(lambda s: s["PushesTable"].update(BillingMode="PROVISIONED"))
def every_table_is_on_demand(s):
    for name, it in s.of("DynamoDB::Table").items():
        if it.get("BillingMode") != "PAY_PER_REQUEST" or "ProvisionedThroughput" in it:
            yield name


@assertion(lambda s: s.resources["VapidSecret"].update(DeletionPolicy="Delete"))
def irreplaceable_data_is_retained_when_the_stack_is_deleted(s):
    for kind in RETAINED_TYPES:
        for name in s.of(kind):
            it = s.resources[name]
            if (it.get("DeletionPolicy"), it.get("UpdateReplacePolicy")) != ("Retain", "Retain"):
                yield name


@assertion(lambda s: s["PushesTable"].pop("TimeToLiveSpecification"))
def only_pushes_and_audit_events_expire(s):
    for name, it in s.of("DynamoDB::Table").items():
        expected = {"AttributeName": "expires", "Enabled": True} if name in ("PushesTable", "HistoryTable") else None
        if it.get("TimeToLiveSpecification") != expected:
            yield name


@assertion(lambda s: s["KeysTable"].update(GlobalSecondaryIndexes=[{"IndexName": "by-hash"}]))
def no_table_has_an_eventually_consistent_index(s):
    for name, it in s.of("DynamoDB::Table").items():
        if "GlobalSecondaryIndexes" in it:
            yield name


@assertion(lambda s: s["PushQueue"].pop("SqsManagedSseEnabled"))
def every_queue_is_encrypted(s):
    for name, it in s.of("SQS::Queue").items():
        if it.get("SqsManagedSseEnabled") is not True and "KmsMasterKeyId" not in it:
            yield name


@assertion(lambda s: s["PushQueue"].pop("RedrivePolicy"))
def every_event_source_queue_has_a_dead_letter_queue(s):
    for name in {logical_id(it["EventSourceArn"]) for it in s.of("Lambda::EventSourceMapping").values()}:
        if s.kind(dead_letter_queues(s).get(name)) != "AWS::SQS::Queue":
            yield name


@assertion(lambda s: s["PushDeadLetterQueue"].update(MessageRetentionPeriod=DEFAULT_RETENTION))
def the_dead_letter_queue_has_the_longer_retention(s):
    for name, dead in dead_letter_queues(s).items():
        retention = [s[queue].get("MessageRetentionPeriod", DEFAULT_RETENTION) for queue in (name, dead)]
        if not retention[0] < retention[1]:
            yield dead


@assertion(lambda s: s["PushQueue"]["RedrivePolicy"].update(maxReceiveCount=1))
def a_message_is_received_3_to_10_times(s):
    for name in dead_letter_queues(s):
        if not 3 <= s[name]["RedrivePolicy"]["maxReceiveCount"] <= 10:
            yield name


def shorten_the_visibility_timeout(s):
    s["PushQueue"].update(VisibilityTimeout=120)


@assertion(shorten_the_visibility_timeout)
def the_visibility_timeout_is_six_times_the_function_timeout(s):
    for name, it in s.of("Lambda::EventSourceMapping").items():
        timeout = s[logical_id(it["FunctionName"])]["Timeout"]
        if s[logical_id(it["EventSourceArn"])].get("VisibilityTimeout", 30) < 6 * timeout:
            yield name


def mapping(s):
    return next(iter(s.of("Lambda::EventSourceMapping").values()))


@assertion(lambda s: mapping(s).pop("FunctionResponseTypes"))
def batch_item_failures_are_reported(s):
    for name, it in s.of("Lambda::EventSourceMapping").items():
        if it.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield name


@assertion(lambda s: mapping(s).pop("ScalingConfig"))
def the_event_source_has_a_maximum_concurrency(s):
    for name, it in s.of("Lambda::EventSourceMapping").items():
        if not 2 <= int(s.value(it.get("ScalingConfig", {}).get("MaximumConcurrency", 1000))) <= 100:
            yield name


def hard_code_the_secret(s):
    s["VapidSecret"].pop("GenerateSecretString")
    s["VapidSecret"]["SecretString"] = "hunter2"


@assertion(hard_code_the_secret)
def Secrets_Manager_generates_the_secret(s):
    for name, it in s.of("SecretsManager::Secret").items():
        if "SecretString" in it or it["GenerateSecretString"].get("PasswordLength", 32) < 43:
            yield name
