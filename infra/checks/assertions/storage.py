"""What is kept: tables, queues, the secret."""

from assertion import assertion
from stack import target

KEPT = ("DynamoDB::Table", "SecretsManager::Secret", "Cognito::UserPool")

# How long SQS keeps a message unless told otherwise, in seconds.
FOUR_DAYS = 345_600


def dead_letters(s):
    """The queue in which each queue's failures end."""
    queues = s.of("SQS::Queue").items()
    return {name: target(it["RedrivePolicy"]["deadLetterTargetArn"]) for name, it in queues if "RedrivePolicy" in it}


@assertion(lambda s: s["KeysTable"]["PointInTimeRecoverySpecification"].update(PointInTimeRecoveryEnabled=False))
def every_table_can_be_restored_to_any_second(s):
    for name, it in s.of("DynamoDB::Table").items():
        if it.get("PointInTimeRecoverySpecification") != {"PointInTimeRecoveryEnabled": True}:
            yield name


@assertion(lambda s: s["KeysTable"].update(DeletionProtectionEnabled=False))
def every_table_refuses_to_be_deleted(s):
    for name, it in s.of("DynamoDB::Table").items():
        if it.get("DeletionProtectionEnabled") is not True:
            yield name


@assertion(lambda s: s["KeysTable"].pop("SSESpecification"))
def every_table_is_encrypted_with_a_key_of_this_account(s):
    for name, it in s.of("DynamoDB::Table").items():
        if it.get("SSESpecification", {}).get("SSEEnabled") is not True:
            yield name


@assertion(lambda s: s["PushesTable"].update(BillingMode="PROVISIONED"))
def no_table_costs_anything_while_it_rests(s):
    for name, it in s.of("DynamoDB::Table").items():
        if it.get("BillingMode") != "PAY_PER_REQUEST" or "ProvisionedThroughput" in it:
            yield name


@assertion(lambda s: s.resources["VapidSecret"].update(DeletionPolicy="Delete"))
def what_cannot_be_made_again_outlives_the_stack(s):
    for kind in KEPT:
        for name in s.of(kind):
            it = s.resources[name]
            if (it.get("DeletionPolicy"), it.get("UpdateReplacePolicy")) != ("Retain", "Retain"):
                yield name


@assertion(lambda s: s["PushesTable"].pop("TimeToLiveSpecification"))
def old_pushes_and_events_go_by_themselves_and_nothing_else_does(s):
    for name, it in s.of("DynamoDB::Table").items():
        expected = {"AttributeName": "expires", "Enabled": True} if name in ("PushesTable", "HistoryTable") else None
        if it.get("TimeToLiveSpecification") != expected:
            yield name


@assertion(lambda s: s["KeysTable"].update(GlobalSecondaryIndexes=[{"IndexName": "by-hash"}]))
def no_table_has_an_index_that_reads_late(s):
    for name, it in s.of("DynamoDB::Table").items():
        if "GlobalSecondaryIndexes" in it:
            yield name


@assertion(lambda s: s["PushQueue"].pop("SqsManagedSseEnabled"))
def every_queue_is_encrypted(s):
    for name, it in s.of("SQS::Queue").items():
        if it.get("SqsManagedSseEnabled") is not True and "KmsMasterKeyId" not in it:
            yield name


@assertion(lambda s: s["PushQueue"].pop("RedrivePolicy"))
def every_queue_that_is_worked_on_has_dead_letters(s):
    for name in {target(it["EventSourceArn"]) for it in s.of("Lambda::EventSourceMapping").values()}:
        if s.kind(dead_letters(s).get(name)) != "AWS::SQS::Queue":
            yield name


@assertion(lambda s: s["PushDeadLetterQueue"].update(MessageRetentionPeriod=FOUR_DAYS))
def dead_letters_are_kept_longer_than_messages(s):
    for name, dead in dead_letters(s).items():
        kept = [s[queue].get("MessageRetentionPeriod", FOUR_DAYS) for queue in (name, dead)]
        if not kept[0] < kept[1]:
            yield dead


@assertion(lambda s: s["PushQueue"]["RedrivePolicy"].update(maxReceiveCount=1))
def a_message_has_a_few_tries(s):
    for name in dead_letters(s):
        if not 3 <= s[name]["RedrivePolicy"]["maxReceiveCount"] <= 10:
            yield name


def hand_out_again(s):
    s["PushQueue"].update(VisibilityTimeout=120)


@assertion(hand_out_again)
def a_message_in_work_is_not_handed_out_again(s):
    for name, it in s.of("Lambda::EventSourceMapping").items():
        timeout = s[target(it["FunctionName"])]["Timeout"]
        if s[target(it["EventSourceArn"])].get("VisibilityTimeout", 30) < 6 * timeout:
            yield name


def mapping(s):
    return next(iter(s.of("Lambda::EventSourceMapping").values()))


@assertion(lambda s: mapping(s).pop("FunctionResponseTypes"))
def one_failed_message_does_not_repeat_its_batch(s):
    for name, it in s.of("Lambda::EventSourceMapping").items():
        if it.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield name


@assertion(lambda s: mapping(s).pop("ScalingConfig"))
def a_large_push_leaves_concurrency_to_the_authorizer(s):
    for name, it in s.of("Lambda::EventSourceMapping").items():
        if not 2 <= it.get("ScalingConfig", {}).get("MaximumConcurrency", 1000) <= 100:
            yield name


def write_the_secret_down(s):
    s["VapidSecret"].pop("GenerateSecretString")
    s["VapidSecret"]["SecretString"] = "hunter2"


@assertion(write_the_secret_down)
def the_secret_is_made_by_AWS_and_stands_nowhere(s):
    for name, it in s.of("SecretsManager::Secret").items():
        if "SecretString" in it or it["GenerateSecretString"].get("PasswordLength", 32) < 43:
            yield name
