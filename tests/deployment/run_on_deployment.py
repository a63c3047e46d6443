"""tools/test-deployment: runs the suite on a deployment: a stack of yours, or a URL with ID tokens."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
from boto3.dynamodb.conditions import Key

from stack import Stack
from suite import CONFIG_FIELDS, Suite, clean_up_on_signals
from users import suite_users

MakeConfig = Callable[[int], dict]


def delete_keys(stack: Stack, accounts: list[str]) -> None:
    """Deletes every key of these accounts, so that no key of the suite remains."""
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
def config_of_stack(name: str, push_hosts: list[str]) -> Iterator[MakeConfig]:
    """Configs for this stack, with users that are removed at the end. Uses the credentials of the environment."""
    stack = Stack(name, boto3.Session())
    base = {"url": stack.outputs["ApiUrl"].removesuffix("/v1"), "push_hosts": push_hosts}
    accounts: list[str] = []

    with suite_users(stack) as users:

        def make_config(tests: int) -> dict:
            signed_in = users.sign_in(tests)
            accounts.extend(account["id"] for pool in signed_in["accounts"].values() for account in pool)
            return base | signed_in

        try:
            yield make_config
        finally:
            delete_keys(stack, accounts)


@contextmanager
def config_of_file(file: Path) -> Iterator[MakeConfig]:
    """Configs from a file, which lists the accounts; each account is used once."""
    config = json.loads(file.read_text())
    if unknown := set(config) - CONFIG_FIELDS:
        raise SystemExit(f"{file}: the fields are {', '.join(sorted(CONFIG_FIELDS))}, not {', '.join(sorted(unknown))}")
    pools = config["accounts"]

    def make_config(tests: int) -> dict:
        unused = {name: pool[:tests] for name, pool in pools.items()}
        pools.update({name: pool[tests:] for name, pool in pools.items()})
        return config | {"accounts": unused}

    yield make_config


def main() -> bool:
    parser = argparse.ArgumentParser(description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--stack", help="the name of a stack; needs AWS credentials that create and remove users")
    where.add_argument("--deployment", type=Path, help="a JSON file, described in CONTRIBUTING.md")
    parser.add_argument(
        "--push-host", action="append", default=[], metavar="ADDRESS:PORT",
        help="where the stack's functions reach this machine; the stack must allow http://ADDRESS:PORT as a push host",
    )
    parser.add_argument("--aws-only", action="store_true", help="run only aws_only.rs, each test as pass or fail")
    arguments = parser.parse_args()
    clean_up_on_signals()

    suite = Suite()
    if arguments.stack:
        configs = config_of_stack(arguments.stack, arguments.push_host)
    else:
        configs = config_of_file(arguments.deployment)
    with configs as make_config:
        return suite.run_aws_only(make_config) if arguments.aws_only else suite.run_all(make_config)


if __name__ == "__main__":
    sys.exit(not main())
