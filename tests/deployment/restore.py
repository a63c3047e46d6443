"""tools/restore: copies the items of a restored table that the stack's own table lacks. It never overwrites an item."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator

import boto3
from botocore.exceptions import ClientError

from stack import Stack

# The primary key of each table.
PRIMARY_KEYS = {
    "KeysTable": ("account", "id"),
    "ChannelsTable": ("account", "slug"),
    "SubscriptionsTable": ("pk", "sk"),
    "PushesTable": ("pk", "sk"),
    "HistoryTable": ("pk", "sk"),
}
# An item with this suffix in `account` counts what the account has: it is computed, never copied.
COUNT = "#count"
# What a membership has a copy of.
TARGET = ("kind", "endpoint", "p256dh", "auth", "vapid")
# The counts that are exact.
COUNTED = ("keys", "channels")
# A restored key is inactive, since it may have been deleted on purpose.
INACTIVE = {"status": {"S": "inactive"}}


class Restore:
    """Copies items of `source` into one table of a stack, or only counts them with `dry_run`."""

    def __init__(self, stack: Stack, source: str, target: str, dry_run: bool) -> None:
        self._db = stack.client("dynamodb")
        self._tables = stack.resources("AWS::DynamoDB::Table")
        self._source, self._target, self._dry_run = source, target, dry_run
        named = self._db.describe_table(TableName=source)["Table"]["KeySchema"]
        if tuple(each["AttributeName"] for each in named) != PRIMARY_KEYS[target] or source in self._tables.values():
            raise SystemExit(f"{source} is not a restored copy of {target}")

    def _items(self, table: str) -> Iterator[dict]:
        for page in self._db.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]

    def _live(self, key: dict) -> dict | None:
        return self._db.get_item(TableName=self._tables[self._target], Key=key, ConsistentRead=True).get("Item")

    def _copy(self, item: dict) -> str:
        key = {name: item[name] for name in PRIMARY_KEYS[self._target]}
        if self._dry_run:
            return "there already" if self._live(key) else "to copy"
        if self._target == "KeysTable":
            item = item | INACTIVE | {"updated_at": {"N": str(time.time_ns() // 1_000_000)}}
        try:
            self._db.put_item(
                TableName=self._tables[self._target], Item=item,
                ConditionExpression="attribute_not_exists(#name)", ExpressionAttributeNames={"#name": next(iter(key))},
            )
        except self._db.exceptions.ConditionalCheckFailedException:
            return "there already"
        return "copied"

    def _current_membership(self, membership: dict) -> dict | None:
        """The membership with the target of its subscription; None if the subscription is no longer in the channel."""
        account, channel, digit = membership["pk"]["S"].split("#")
        key = {"pk": {"S": f"{account}#{digit}"}, "sk": membership["sk"]}
        record = self._live(key)
        if record is None and self._dry_run:
            record = self._db.get_item(TableName=self._source, Key=key).get("Item")
        if record is None or channel not in record["channels"]["M"]:
            return None
        # The record may have another target by now.
        return membership | {name: record[name] for name in TARGET if name in record}

    def run(self) -> Counter:
        """Copies the items; returns the number of items by outcome."""
        counts, memberships = Counter(), []
        for item in self._items(self._source):
            if self._target == "ChannelsTable" and is_count(item):
                continue
            if self._target == "SubscriptionsTable" and is_membership(item):
                memberships.append(item)
            else:
                counts[self._copy(item)] += 1
        # Memberships come after the records: a subscription that has left a channel since must stay out of it.
        for item in memberships:
            current = self._current_membership(item)
            counts[self._copy(current) if current else "left its channel"] += 1
        return counts

    def count_keys(self) -> int:
        """Corrects the key count of each channel, on which its deletion depends; returns how many were wrong."""
        wrong = 0
        for channel in list(self._items(self._tables["ChannelsTable"])):
            if not is_count(channel):
                wrong += self._count_keys_of(channel)
        return wrong

    def count_accounts(self) -> int:
        """Corrects the number of keys and of channels of each account, which is limited; returns how many were wrong."""
        counted, seen = Counter(), {}
        for item in self._items(self._tables["ChannelsTable"]):
            if is_count(item) and item["slug"]["S"] in COUNTED:
                seen[item["account"]["S"], item["slug"]["S"]] = int(item["n"]["N"])
            elif not is_count(item):
                counted[item["account"]["S"] + COUNT, "channels"] += 1
        for item in self._items(self._tables["KeysTable"]):
            counted[item["account"]["S"] + COUNT, "keys"] += 1
        wrong = [name for name in counted.keys() | seen.keys() if counted[name] != seen.get(name, 0)]
        for account, kind in wrong:
            self._correct_count(account, kind, counted[account, kind], seen.get((account, kind)))
        return len(wrong)

    def _correct_count(self, account: str, kind: str, counted: int, seen: int | None) -> None:
        unchanged, values = "attribute_not_exists(#n)", {":counted": {"N": str(counted)}}
        if seen is not None:
            unchanged, values = "#n = :seen", values | {":seen": {"N": str(seen)}}
        try:
            self._db.update_item(
                TableName=self._tables["ChannelsTable"], Key={"account": {"S": account}, "slug": {"S": kind}},
                UpdateExpression="SET #n = :counted", ConditionExpression=unchanged,
                ExpressionAttributeNames={"#n": "n"}, ExpressionAttributeValues=values,
            )
        except self._db.exceptions.ConditionalCheckFailedException:
            name = account.removesuffix(COUNT)
            raise SystemExit(f"the {kind} of {name} changed during the run: run it again") from None

    def _count_keys_of(self, channel: dict) -> bool:
        name = {key: channel[key] for key in PRIMARY_KEYS["ChannelsTable"]}
        seen = channel["keys"]["N"]
        pages = self._db.get_paginator("query").paginate(
            TableName=self._tables["KeysTable"], ConsistentRead=True, KeyConditionExpression="account = :account",
            FilterExpression="channels.#slug = :id", ExpressionAttributeNames={"#slug": channel["slug"]["S"]},
            ExpressionAttributeValues={":account": channel["account"], ":id": channel["id"]}, Select="COUNT",
        )
        counted = str(sum(page["Count"] for page in pages))
        if counted == seen:
            return False
        try:
            self._db.update_item(
                TableName=self._tables["ChannelsTable"], Key=name, UpdateExpression="SET #keys = :counted",
                ConditionExpression="#keys = :seen AND id = :id", ExpressionAttributeNames={"#keys": "keys"},
                ExpressionAttributeValues={":counted": {"N": counted}, ":seen": {"N": seen}, ":id": channel["id"]},
            )
        except self._db.exceptions.ConditionalCheckFailedException:
            raise SystemExit(f"{channel['slug']['S']} of {channel['account']['S']} changed during the run: run it again") from None
        return True


def is_membership(item: dict) -> bool:
    """A subscription is in the partition `account#digit`, a membership in `account#channel#digit`."""
    return item["pk"]["S"].count("#") == 2


def is_count(item: dict) -> bool:
    return item["account"]["S"].endswith(COUNT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", help="the name of the restored table")
    parser.add_argument("target", choices=PRIMARY_KEYS, help="the table of the stack that lacks items")
    parser.add_argument("--stack", default="pushgate", help="the name of the stack (pushgate)")
    parser.add_argument("--dry-run", action="store_true", help="only count the items that would be copied")
    arguments = parser.parse_args()
    try:
        restore = Restore(Stack(arguments.stack, boto3.Session()), arguments.source, arguments.target, arguments.dry_run)
        counts = restore.run()
        print(f"{arguments.source}: {', '.join(f'{count} {what}' for what, count in sorted(counts.items())) or 'no items'}")
        if arguments.target in ("KeysTable", "ChannelsTable") and not arguments.dry_run:
            print(f"channels whose number of keys was wrong: {restore.count_keys()}")
            print(f"accounts whose number of keys or channels was wrong: {restore.count_accounts()}")
    except ClientError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
