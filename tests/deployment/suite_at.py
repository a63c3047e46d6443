"""tools/suite-at: runs the suite against a deployment: a stack of yours, or an address with its people's tokens."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
from boto3.dynamodb.conditions import Key

from people import people
from stack import Stack
from suite import PARTS, Suite, clean_up_when_told_to_end

Describe = Callable[[int], dict]


def forget_keys(stack: Stack, accounts: list[str]) -> None:
    """Takes away every key of these accounts: no key of the suite outlives it."""
    table = stack.resource("dynamodb").Table(stack.outputs["KeysTableName"])
    with table.batch_writer() as batch:
        for account in accounts:
            found = table.query(
                KeyConditionExpression=Key("account").eq(account), ProjectionExpression="#account, id",
                ExpressionAttributeNames={"#account": "account"},
            )
            for key in found["Items"]:
                batch.delete_item(Key=key)


@contextmanager
def of_stack(name: str, push_hosts: list[str]) -> Iterator[Describe]:
    """People in the user pool of this stack, reached with the credentials of the environment; gone at the end."""
    stack = Stack(name, boto3.Session())
    place = {"url": stack.outputs["ApiUrl"].removesuffix("/v1"), "push_hosts": push_hosts}
    accounts: list[str] = []

    with people(stack) as them:

        def describe(tests: int) -> dict:
            who = them.sign_in(tests)
            accounts.extend(account["id"] for pool in who["accounts"].values() for account in pool)
            return place | who

        try:
            yield describe
        finally:
            forget_keys(stack, accounts)


@contextmanager
def of_file(file: Path) -> Iterator[Describe]:
    """What the file says; it brings its accounts itself, and each is given away once."""
    description = json.loads(file.read_text())
    if unknown := set(description) - PARTS:
        raise SystemExit(f"{file}: it may say {', '.join(sorted(PARTS))}, not {', '.join(sorted(unknown))}")
    pools = description["accounts"]

    def describe(tests: int) -> dict:
        now = {name: pool[:tests] for name, pool in pools.items()}
        pools.update({name: pool[tests:] for name, pool in pools.items()})
        return description | {"accounts": now}

    yield describe


def main() -> bool:
    parser = argparse.ArgumentParser(description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--stack", help="a stack's name; the AWS credentials of the environment make and remove people")
    where.add_argument("--deployment", type=Path, help="a JSON file; CONTRIBUTING.md says what stands in it")
    parser.add_argument(
        "--push-host", action="append", default=[], metavar="ADDRESS:PORT",
        help="of this machine, where the stack's functions reach it as http://ADDRESS:PORT and its AllowedPushHosts allows it",
    )
    parser.add_argument("--to-settle", action="store_true", help="print what only AWS can show, each as pass or fail")
    arguments = parser.parse_args()
    clean_up_when_told_to_end()

    suite = Suite()
    place = of_stack(arguments.stack, arguments.push_host) if arguments.stack else of_file(arguments.deployment)
    with place as describe:
        return suite.to_settle(describe) if arguments.to_settle else suite.whole(describe)


if __name__ == "__main__":
    sys.exit(not main())
