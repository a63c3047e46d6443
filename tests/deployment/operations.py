"""What an operator does by the manual, on the emulator: each command, and that it had the effect which the manual promises."""

import json
import urllib.request

from actor import Operator, expect, push_service, refusing_push_service, until
from manual import Manual
from ministack import MiniStack
from people import new_password
from stack import Stack

NOT_RUN = {
    ("Deploy", 1): "asks questions; the stack is deployed by the same command without them",
    ("Upgrade", 1): "fetches a release and builds it",
    ("Roll back", 1): "fetches a release and builds it",
    ("Roll back", 2): "needs an update whose roll back has failed",
    ("Restore from a backup", 5): "MiniStack keeps no backup of a table that is deleted",
    ("Run one function on your machine", 1): "needs a profile of an AWS account, and runs until it is stopped",
    ("Run one function on your machine", 2): "needs the function that the block before starts",
}
UNKNOWN = {("Dead-letter queue", 2): "MiniStack has no StartMessageMoveTask (it was run, and failed for that)"}

OTHERWISE = [
    "The first admin is made with a --temporary-password, since MiniStack draws one that its own policy refuses",
    "MiniStack restores a table as it is now, whatever the time that is asked for",
    "MiniStack takes a token of any client of the pool, since it does not look for whom it is (`aud`)",
    "MiniStack tells an authorizer no id of its request, so the way of a request begins with the function",
    "aws is called with --endpoint-url, since for SQS it does not look into the environment",
]

JOIN = "Add and remove users"
RESTORE = "Restore from a backup"
ADA, MAX = "ada@example.com", "max@example.com"


def prepare_the_account(me: Operator) -> None:
    """Deploy: the role for access logs, and the secret of a sign-in provider."""
    for region in ("first", "second"):
        me.manual.run("Deploy", 2)
    role = me.stack.client("apigateway").get_account()["cloudwatchRoleArn"]
    expect("the role for access logs", role.rpartition("/")[2], "api-gateway-logs")
    google = json.dumps({"client_id": "id", "client_secret": "secret"})
    me.manual.run("Deploy", 3, typed=google)
    kept = me.stack.client("secretsmanager").get_secret_value(SecretId="pushgate/google")["SecretString"]
    expect("the secret of Google", kept, google)


def make_the_first_admin(me: Operator) -> str:
    """The first admin signs in and manages; her ID token."""
    given = {"--username ada": f"--temporary-password '{new_password()}' --username ada"}
    me.manual.run("Create the first admin", 1, given)
    me.chooses_a_password(ADA)
    ada = me.signs_in(ADA)["IdToken"]
    expect("the first admin makes a channel", me.status("POST", "/channels", ada, {"slug": "ops"}), 201)
    return ada


def join_and_leave(me: Operator) -> None:
    """Somebody without an account is given one, becomes an admin, and is removed."""
    me.adds(MAX)
    me.chooses_a_password(MAX)
    expect("without an account", me.request("GET", "/keys", me.signs_in(MAX)["IdToken"])[1]["code"], "no_account")
    me.manual.run(JOIN, 2)
    member = me.signs_in(MAX)["IdToken"]
    expect("a member looks", me.status("GET", "/keys", member), 200)
    expect("a member makes nothing", me.status("POST", "/channels", member, {"slug": "news"}), 403)
    me.manual.run(JOIN, 2, {"Value=member": "Value=admin"})
    admin = me.signs_in(MAX)
    expect("an admin makes a channel", me.status("POST", "/channels", admin["IdToken"], {"slug": "news"}), 201)
    rows = sorted(line.split("\t")[1:] for line in me.manual.run(JOIN, 1).splitlines())
    people = [["True", "CONFIRMED", user, "acme", "admin"] for user in (ADA, MAX)]
    expect("the list of people", [row for row in rows if row[2] in (ADA, MAX)], people)

    expect("before he is removed", me.ways_in(MAX, admin["RefreshToken"]), ["password", "refresh token"])
    me.manual.run(JOIN, 3)
    expect("after he was removed", me.ways_in(MAX, admin["RefreshToken"]), [])
    expect("his token, until it expires", me.status("GET", "/keys", admin["IdToken"]), 200)


def restore_a_deleted_key(me: Operator, ada: str) -> None:
    """Of two keys one is deleted after the backup: it comes back switched off, and the other stays as it is."""
    made = {"permissions": ["PushNotifications/Send"], "scope": "channels", "channels": ["ops"]}
    lost, kept = (me.request("POST", "/keys", ada, made | {"name": name})[1] for name in ("lost", "kept"))
    expect("a send before", me.status("POST", "/push", lost["secret"], {"title": "Hello"}), 202)
    me.manual.run(RESTORE, 1)
    expect("the deletion", me.status("DELETE", f"/keys/{lost['key']['id']}", ada), 204)
    expect("a send after", me.status("POST", "/push", kept["secret"], {"title": "Hello"}), 202)

    # Those that the suite made are there, too, so what was there already is more than one.
    printed = me.manual.run(RESTORE, 2)
    expect("a dry run counts", printed.startswith("keys-restored: ") and ", 1 to copy\n" in printed, True)
    expect("and copies nothing", me.item("KeysTable", {"account": "acme", "id": lost["key"]["id"]}), None)
    printed = me.manual.run(RESTORE, 3)
    expect("one is copied", "keys-restored: 1 copied, " in printed, True)
    expect("its channel counts it", "channels whose number of keys was wrong: 1\n" in printed, True)
    printed = me.manual.run(RESTORE, 3)
    expect("twice copies nothing more", ("copied" in printed, printed.splitlines()[1].endswith("wrong: 0")), (False, True))

    refused = me.request("POST", "/push", lost["secret"], {"title": "Hello"})
    expect("the restored key is switched off", (refused[0], state_of(me, ada, lost)), (403, ("inactive", 1)))
    expect("the other is as it was", state_of(me, ada, kept), ("active", 1))
    expect("the channel is in use", me.status("DELETE", "/channels/ops", ada), 409)
    expect("switched on", me.status("PATCH", f"/keys/{lost['key']['id']}", ada, {"status": "active"}), 200)
    expect("it sends again", me.status("POST", "/push", lost["secret"], {"title": "Hello"}), 202)
    for key in (lost, kept):
        expect("the keys are deleted", me.status("DELETE", f"/keys/{key['key']['id']}", ada), 204)
    expect("so is the channel", me.status("DELETE", "/channels/ops", ada), 204)
    me.manual.run(RESTORE, 4)
    expect("the copy is gone", "keys-restored" in me.stack.client("dynamodb").list_tables()["TableNames"], False)


def state_of(me: Operator, ada: str, key: dict) -> tuple[str, int]:
    """Whether a key is switched on, and how often it was used."""
    shown = me.request("GET", f"/keys/{key['key']['id']}", ada)[1]
    return shown["status"], shown["usage"]["total"]


def restore_subscriptions(me: Operator, key: str, browsers: list[dict]) -> None:
    """Of two subscriptions of a channel, after the backup, one is deleted and comes back with its membership, and the other
    leaves the channel and stays out of it."""
    ids = []
    for browser in browsers:
        ids.append(me.request("PUT", "/subscriptions", key, browser | {"channels": ["news"]})[1]["id"])
    table = {"KeysTableName": "SubscriptionsTableName", "keys-restored": "subscriptions-restored"}
    me.manual.run(RESTORE, 1, table)
    expect("one is deleted", me.status("DELETE", f"/subscriptions/{ids[0]}", key), 204)
    expect("the other leaves", me.status("PUT", "/subscriptions", key, browsers[1] | {"channels": []}), 200)
    printed = me.manual.run(RESTORE, 3, {"keys-restored KeysTable": "subscriptions-restored SubscriptionsTable"})
    expect("what is restored", "subscriptions-restored: 2 copied, 1 left its channel, " in printed, True)
    expect("it is there", me.item("SubscriptionsTable", {"pk": "acme", "sk": ids[0]}) is not None, True)
    me.manual.run(RESTORE, 4, {"keys-restored": "subscriptions-restored"})


def rotate_the_secret(me: Operator) -> None:
    secrets = me.stack.client("secretsmanager")
    name = me.stack.resources("AWS::SecretsManager::Secret")["VapidSecret"]
    before = json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])
    me.manual.run("Rotate the VAPID secret", 1)
    me.manual.run("Rotate the VAPID secret", 2)
    after = json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])
    expect("the old secret is kept", after["old"], [before["current"]])
    expect("the new one is another", len(after["current"]) == 64 and after["current"] != before["current"], True)


def follow_sends(me: Operator, ada: str, push_hosts: list[str]) -> None:
    """A send is followed to the function that refuses it, and sends to one browser each to the push service that takes the one
    and not the other; then, with more browsers, subscriptions are restored."""
    made = {"name": "Both", "permissions": ["PushNotifications/Send", "Subscriptions/Write"], "scope": "all"}
    key = me.request("POST", "/keys", ada, made)[1]["secret"]
    status, refusal = me.request("POST", "/push", key, {})
    expect("a send without a title", (status, refusal["code"]), (400, "invalid_body"))
    expect("the way of a refused send", the_way_of(me, refusal["request_id"]), [("answered", "invalid_body")])

    with push_service(push_hosts[0]) as address, refusing_push_service(push_hosts[1]) as refusing:
        browsers = [new_browser(address) for _ in range(4)]
        browsers[0]["endpoint"] = browsers[0]["endpoint"].replace(address, refusing)
        for browser, outcome in zip(browsers, ("failed", "delivered")):
            id = me.request("PUT", "/subscriptions", key, browser)[1]["id"]
            push = me.request("POST", "/push", key, {"title": "Hello"})[1]["id"]
            done = until("the delivery", lambda: [line for line in me.logged(push) if line.get("message") == "sent"])
            expect("recipients", (done[0]["outcome"], done[0][outcome.capitalize()]), ("done", 1))
            way = [("answered", "ok"), ("push service answered", outcome), ("sent", "done")]
            expect(f"the way of a {outcome} send", the_way_of(me, done[0]["request_id"]), way)
            expect("the browser unsubscribes", me.status("DELETE", f"/subscriptions/{id}", key), 204)
    restore_subscriptions(me, key, browsers[2:])


def the_way_of(me: Operator, request_id: str) -> list[tuple[str, str]]:
    """What the manual's query prints of a request, as soon as it is logged."""
    until("the log of the request", lambda: me.logged(request_id))
    printed = me.manual.run("Trace a request", 1, {"f2aae2f8-1e31-4518-823b-d55ca6851b54": request_id})
    lines = [json.loads(line) for line in printed.splitlines()]
    return [(line["message"], line["outcome"]) for line in lines]


def new_browser(address: str) -> dict:
    """What a browser with this push service subscribes with, to no channel."""
    with urllib.request.urlopen(f"{address}/subscription", timeout=10) as answer:
        return json.load(answer) | {"channels": []}


def ring_an_alarm(me: Operator) -> None:
    me.manual.run("Alarms", 1)
    alarms = me.stack.client("cloudwatch").describe_alarms(StateValue="ALARM")["MetricAlarms"]
    mine = me.stack.resources("AWS::CloudWatch::Alarm")["DeadLetterQueueNotEmpty"]
    expect("the alarm that rings", [alarm["AlarmName"] for alarm in alarms], [mine])


def read_dead_letters(me: Operator) -> None:
    letter = json.dumps({"account": "acme", "push": "01K8ZZZZZZZZZZZZZZZZZZZZZZ", "page": 0, "after": None, "attempt": 0})
    me.stack.client("sqs").send_message(QueueUrl=me.stack.outputs["PushDeadLetterQueueUrl"], MessageBody=letter)
    expect("the dead letter", me.manual.run("Dead-letter queue", 1).strip(), letter)
    me.manual.fails("Dead-letter queue", 2, "The action StartMessageMoveTask is not valid")


def delete_the_stack(me: Operator) -> None:
    """The stack was deployed without `RetainData`: nothing of it is left."""
    tables = set(me.stack.resources("AWS::DynamoDB::Table").values())
    me.manual.run("Delete a deployment", 1)
    left = tables & set(me.stack.client("dynamodb").list_tables()["TableNames"])
    expect("tables that are left", left, set())


def operate(emulator: MiniStack, stack: Stack, push_hosts: list[str]) -> None:
    """Goes through the manual from its first to its last command. The stack is gone at the end."""
    me = Operator(emulator, stack, Manual(emulator.environment(), NOT_RUN, UNKNOWN))
    prepare_the_account(me)
    ada = make_the_first_admin(me)
    join_and_leave(me)
    restore_a_deleted_key(me, ada)
    rotate_the_secret(me)
    follow_sends(me, ada, push_hosts)
    ring_an_alarm(me)
    read_dead_letters(me)
    delete_the_stack(me)
    me.manual.ended(OTHERWISE)
