"""The runbook on the emulator: runs each command of docs/operations.md, and checks that it has the promised effect."""

import json
import urllib.request

from ministack import MiniStack
from runbook import Runbook
from runbook_operator import Operator, expect, push_service, rejecting_push_service, until
from stack import Stack
from users import new_password

# The headings of docs/operations.md.
DEPLOY = "Deploy"
FIRST_ADMIN = "Create the first admin"
USERS = "Add and remove users"
UPGRADE = "Upgrade"
ROLL_BACK = "Roll back"
RESTORE = "Restore from a backup"
ROTATE = "Rotate the VAPID secret"
TRACE = "Trace a request"
ALARMS = "Alarms"
DEAD_LETTERS = "Dead-letter queue"
ONE_FUNCTION = "Run one function on your machine"
DELETE = "Delete a deployment"

NOT_RUN = {
    (DEPLOY, 1): "is interactive; the stack is deployed by the same command without prompts",
    (UPGRADE, 1): "fetches a release and builds it",
    (ROLL_BACK, 1): "fetches a release and builds it",
    (ROLL_BACK, 2): "needs an update whose rollback has failed",
    (RESTORE, 5): "MiniStack keeps no backup of a deleted table",
    (ONE_FUNCTION, 1): "needs a profile of an AWS account, and runs until it is stopped",
    (ONE_FUNCTION, 2): "needs the function that the block before starts",
}
UNSUPPORTED = {(DEAD_LETTERS, 2): "MiniStack has no StartMessageMoveTask; the block was run and failed for that"}

DIFFERENCES = [
    "The first admin is created with a --temporary-password, since MiniStack generates one that its own policy rejects",
    "MiniStack restores a table as it is now, for any requested time",
    "MiniStack gives an authorizer no request id, so it is started by tests/deployment/emulator/server.py, which does",
    "aws is called with --endpoint-url, since for SQS it ignores the environment",
]

ADA, MAX = "ada@example.com", "max@example.com"


def prepare_the_account(operator: Operator) -> None:
    """Deploy: the role for access logs, and the secret of a sign-in provider."""
    for region in ("first", "second"):
        operator.runbook.run(DEPLOY, 2)
    role = operator.stack.client("apigateway").get_account()["cloudwatchRoleArn"]
    expect("the role for access logs", role.rpartition("/")[2], "api-gateway-logs")
    google = json.dumps({"client_id": "id", "client_secret": "secret"})
    operator.runbook.run(DEPLOY, 3, typed=google)
    kept = operator.stack.client("secretsmanager").get_secret_value(SecretId="pushgate/google")["SecretString"]
    expect("the secret of Google", kept, google)


def create_the_first_admin(operator: Operator) -> str:
    """The first admin signs in and creates a channel; returns their ID token."""
    given = {"--username ada": f"--temporary-password '{new_password()}' --username ada"}
    operator.runbook.run(FIRST_ADMIN, 1, given)
    operator.choose_password(ADA)
    ada = operator.sign_in(ADA)["IdToken"]
    expect("the first admin creates a channel", operator.status("POST", "/channels", ada, {"slug": "ops"}), 201)
    return ada


def add_and_remove_users(operator: Operator) -> None:
    """A user without an account gets one, becomes an admin, and is removed."""
    operator.add_user(MAX)
    operator.choose_password(MAX)
    expect("without an account", operator.request("GET", "/keys", operator.sign_in(MAX)["IdToken"])[1]["code"], "no_account")
    operator.runbook.run(USERS, 2)
    member = operator.sign_in(MAX)["IdToken"]
    expect("a member reads", operator.status("GET", "/keys", member), 200)
    expect("a member cannot create", operator.status("POST", "/channels", member, {"slug": "news"}), 403)
    operator.runbook.run(USERS, 2, {"Value=member": "Value=admin"})
    admin = operator.sign_in(MAX)
    expect("an admin creates a channel", operator.status("POST", "/channels", admin["IdToken"], {"slug": "news"}), 201)
    rows = sorted(line.split("\t")[1:] for line in operator.runbook.run(USERS, 1).splitlines())
    users = [["True", "CONFIRMED", user, "acme", "admin"] for user in (ADA, MAX)]
    expect("the list of users", [row for row in rows if row[2] in (ADA, MAX)], users)

    expect("before the removal", operator.working_credentials(MAX, admin["RefreshToken"]), ["password", "refresh token"])
    operator.runbook.run(USERS, 3)
    expect("after the removal", operator.working_credentials(MAX, admin["RefreshToken"]), [])
    expect("the ID token, until it expires", operator.status("GET", "/keys", admin["IdToken"]), 200)


def restore_a_deleted_key(operator: Operator, ada: str) -> None:
    """One of two keys is deleted after the backup: the restore brings it back inactive and does not change the other."""
    made = {"permissions": ["PushNotifications/Send"], "scope": "channels", "channels": ["ops"]}
    lost, kept = (operator.request("POST", "/keys", ada, made | {"name": name})[1] for name in ("lost", "kept"))
    expect("a send before", operator.status("POST", "/push", lost["secret"], {"title": "Hello"}), 202)
    operator.runbook.run(RESTORE, 1)
    expect("the deletion", operator.status("DELETE", f"/keys/{lost['key']['id']}", ada), 204)
    expect("a send after", operator.status("POST", "/push", kept["secret"], {"title": "Hello"}), 202)

    # The keys of the suite exist as well, so the number of existing keys is more than one.
    printed = operator.runbook.run(RESTORE, 2)
    expect("a dry run counts", printed.startswith("keys-restored: ") and ", 1 to copy\n" in printed, True)
    expect("the dry run copies nothing", operator.item("KeysTable", {"account": "acme", "id": lost["key"]["id"]}), None)
    printed = operator.runbook.run(RESTORE, 3)
    expect("one is copied", "keys-restored: 1 copied, " in printed, True)
    expect("its channel counts it", "channels whose number of keys was wrong: 1\n" in printed, True)
    printed = operator.runbook.run(RESTORE, 3)
    expect("the second run copies nothing", ("copied" in printed, printed.splitlines()[1].endswith("wrong: 0")), (False, True))

    denied = operator.request("POST", "/push", lost["secret"], {"title": "Hello"})
    expect("the restored key is inactive", (denied[0], state_of(operator, ada, lost)), (403, ("inactive", 1)))
    expect("the other key is unchanged", state_of(operator, ada, kept), ("active", 1))
    expect("the channel is in use", operator.status("DELETE", "/channels/ops", ada), 409)
    expect("it is activated", operator.status("PATCH", f"/keys/{lost['key']['id']}", ada, {"status": "active"}), 200)
    expect("it sends again", operator.status("POST", "/push", lost["secret"], {"title": "Hello"}), 202)
    for key in (lost, kept):
        expect("the keys are deleted", operator.status("DELETE", f"/keys/{key['key']['id']}", ada), 204)
    expect("so is the channel", operator.status("DELETE", "/channels/ops", ada), 204)
    operator.runbook.run(RESTORE, 4)
    expect("the copy is gone", "keys-restored" in operator.stack.client("dynamodb").list_tables()["TableNames"], False)


def state_of(operator: Operator, ada: str, key: dict) -> tuple[str, int]:
    """The status of a key and its total usage."""
    found = operator.request("GET", f"/keys/{key['key']['id']}", ada)[1]
    return found["status"], found["usage"]["total"]


def restore_subscriptions(operator: Operator, key: str, browsers: list[dict]) -> None:
    """After the backup, one of two subscriptions of a channel is deleted and the other leaves the channel. The restore
    brings the first back with its membership, and the other stays out of the channel."""
    ids = []
    for browser in browsers:
        ids.append(operator.request("PUT", "/subscriptions", key, browser | {"channels": ["news"]})[1]["id"])
    table = {"KeysTableName": "SubscriptionsTableName", "keys-restored": "subscriptions-restored"}
    operator.runbook.run(RESTORE, 1, table)
    expect("one is deleted", operator.status("DELETE", f"/subscriptions/{ids[0]}", key), 204)
    expect("the other leaves", operator.status("PUT", "/subscriptions", key, browsers[1] | {"channels": []}), 200)
    printed = operator.runbook.run(RESTORE, 3, {"keys-restored KeysTable": "subscriptions-restored SubscriptionsTable"})
    expect("what is restored", "subscriptions-restored: 2 copied, 1 left its channel, " in printed, True)
    expect("it is there", operator.item("SubscriptionsTable", {"pk": f"acme#{ids[0][0]}", "sk": ids[0]}) is not None, True)
    operator.runbook.run(RESTORE, 4, {"keys-restored": "subscriptions-restored"})


def rotate_the_secret(operator: Operator) -> None:
    secrets = operator.stack.client("secretsmanager")
    name = operator.stack.resources("AWS::SecretsManager::Secret")["VapidSecret"]
    before = json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])
    operator.runbook.run(ROTATE, 1)
    operator.runbook.run(ROTATE, 2)
    after = json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])
    expect("the previous secret is kept", after["old"], [before["current"]])
    expect("the new secret is different", len(after["current"]) == 64 and after["current"] != before["current"], True)


def trace_sends(operator: Operator, ada: str, push_hosts: list[str]) -> None:
    """Traces a send to the function that rejects it, and two sends to push services of which one rejects its send.
    Then restores subscriptions, with more browsers."""
    made = {"name": "Both", "permissions": ["PushNotifications/Send", "Subscriptions/Write"], "scope": "all"}
    key = operator.request("POST", "/keys", ada, made)[1]["secret"]
    status, problem = operator.request("POST", "/push", key, {})
    expect("a send without a title", (status, problem["code"]), (400, "invalid_body"))
    trace = [("evaluated", "authorized"), ("answered", "invalid_body")]
    expect("the trace of a rejected send", trace_of(operator, problem["request_id"]), trace)

    with push_service(push_hosts[0]) as address, rejecting_push_service(push_hosts[1]) as rejecting:
        browsers = [new_browser(address) for _ in range(4)]
        browsers[0]["endpoint"] = browsers[0]["endpoint"].replace(address, rejecting)
        for browser, outcome in zip(browsers, ("failed", "delivered")):
            id = operator.request("PUT", "/subscriptions", key, browser)[1]["id"]
            push = operator.request("POST", "/push", key, {"title": "Hello"})[1]["id"]
            done = until("the delivery", lambda: [line for line in operator.logged(push) if line.get("message") == "sent"])
            expect("recipients", (done[0]["outcome"], done[0][outcome.capitalize()]), ("done", 1))
            trace = [("evaluated", "authorized"), ("answered", "ok"), ("push service answered", outcome), ("sent", "done")]
            expect(f"the trace of a {outcome} send", trace_of(operator, done[0]["request_id"]), trace)
            expect("the browser unsubscribes", operator.status("DELETE", f"/subscriptions/{id}", key), 204)
    restore_subscriptions(operator, key, browsers[2:])


def trace_of(operator: Operator, request_id: str) -> list[tuple[str, str]]:
    """The output of the runbook's query for a request, once it is logged."""
    until("the log of the request", lambda: operator.logged(request_id))
    printed = operator.runbook.run(TRACE, 1, {"f2aae2f8-1e31-4518-823b-d55ca6851b54": request_id})
    lines = [json.loads(line) for line in printed.splitlines()]
    return [(line["message"], line["outcome"]) for line in lines]


def new_browser(address: str) -> dict:
    """The subscription of a new browser at this push service, without channels."""
    with urllib.request.urlopen(f"{address}/subscription", timeout=10) as response:
        return json.load(response) | {"channels": []}


def trigger_an_alarm(operator: Operator) -> None:
    operator.runbook.run(ALARMS, 1)
    alarms = operator.stack.client("cloudwatch").describe_alarms(StateValue="ALARM")["MetricAlarms"]
    expected = operator.stack.resources("AWS::CloudWatch::Alarm")["DeadLetterQueueNotEmpty"]
    expect("the alarm in the state ALARM", [alarm["AlarmName"] for alarm in alarms], [expected])


def read_dead_letters(operator: Operator) -> None:
    message = json.dumps({"account": "acme", "push": "01K8ZZZZZZZZZZZZZZZZZZZZZZ", "page": 0, "after": None, "attempt": 0})
    operator.stack.client("sqs").send_message(QueueUrl=operator.stack.outputs["PushDeadLetterQueueUrl"], MessageBody=message)
    expect("the message in the dead-letter queue", operator.runbook.run(DEAD_LETTERS, 1).strip(), message)
    operator.runbook.fails(DEAD_LETTERS, 2, "The action StartMessageMoveTask is not valid")


def delete_the_stack(operator: Operator) -> None:
    """The stack was deployed without `RetainData`: no table remains."""
    tables = set(operator.stack.resources("AWS::DynamoDB::Table").values())
    operator.runbook.run(DELETE, 1)
    remaining = tables & set(operator.stack.client("dynamodb").list_tables()["TableNames"])
    expect("remaining tables", remaining, set())


def run_runbook(emulator: MiniStack, stack: Stack, push_hosts: list[str]) -> None:
    """Runs the runbook from its first to its last command. The last one deletes the stack."""
    operator = Operator(emulator, stack, Runbook(emulator.environment(), NOT_RUN, UNSUPPORTED))
    prepare_the_account(operator)
    ada = create_the_first_admin(operator)
    add_and_remove_users(operator)
    restore_a_deleted_key(operator, ada)
    rotate_the_secret(operator)
    trace_sends(operator, ada, push_hosts)
    trigger_an_alarm(operator)
    read_dead_letters(operator)
    delete_the_stack(operator)
    operator.runbook.report(DIFFERENCES)
