#!/usr/bin/env python3
"""Compares the calls that each function made during the test suite with the grants of its role: they must be equal.

    infra/checks/privileges.py FOLDER

FOLDER contains the recordings of local runs: files of {"<function>": [["<action>", "<ARN>"], ...]}.
"""

import json
import re
import sys
from pathlib import Path

from stack import Stack

# Grants that the Lambda service itself uses under a function's role, so no function is recorded using them.
BY_LAMBDA = [
    ("logs:CreateLogStream", "{}Log", "Lambda writes the logs of each function"),
    ("logs:PutLogEvents", "{}Log", "Lambda writes the logs of each function"),
]
BY_EVENT_SOURCE = [
    ("sqs:ReceiveMessage", "PushQueue", "the event source mapping polls the queue for Deliver"),
    ("sqs:DeleteMessage", "PushQueue", "the event source mapping deletes messages that Deliver processed"),
    ("sqs:GetQueueAttributes", "PushQueue", "the event source mapping reads the queue's settings"),
]


def recorded(folder):
    """The calls of each function: pairs of action and logical id, which is the resource's name in a local run."""
    calls = {}
    for file in folder.glob("*.json"):
        for function, made in json.loads(file.read_text(encoding="utf-8")).items():
            calls.setdefault(function, set()).update((action, re.split("[:/]", arn)[-1]) for action, arn in made)
    return calls


def service_grants(function):
    own = {(action, resource.format(function)) for action, resource, _ in BY_LAMBDA}
    if function == "Deliver":
        own |= {(action, resource) for action, resource, _ in BY_EVENT_SOURCE}
    return own


def format_grants(grants):
    return ", ".join(f"{action} on {resource}" for action, resource in sorted(grants)) or "none"


def main():
    folder = Path(sys.argv[1])
    calls = recorded(folder)
    stack = Stack.of_variant("off")
    failed = sorted(set(calls) - set(stack.functions))
    if not calls:
        sys.exit(f"privileges: {folder} contains no recorded calls")
    print("Used by the Lambda service:")
    for action, resource, reason in BY_LAMBDA + BY_EVENT_SOURCE:
        print(f"  {action} on {resource.format('<function>')}: {reason}")
    for function in sorted(stack.functions):
        grants, made, own = stack.grants(function), calls.get(function, set()), service_grants(function)
        missing, unused, absent = made - grants, grants - made - own, own - grants
        print(f"{function}: {len(made)} calls, {len(grants) - len(own & grants)} grants; "
              f"grants minus calls: {format_grants(unused)}; calls minus grants: {format_grants(missing)}")
        if missing or unused or absent:
            failed.append(function)
        if absent:
            print(f"  missing for the Lambda service: {format_grants(absent)}")
    if failed:
        sys.exit(f"privileges: grants and calls differ: {', '.join(failed)}")
    print(f"privileges: {len(stack.functions)} functions, calls and grants are equal for each")


if __name__ == "__main__":
    main()
