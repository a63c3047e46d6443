#!/usr/bin/env python3
"""What each function did while the suite ran, compared with what its role grants: no more, and no less.

    infra/checks/privileges.py FOLDER

The folder holds what runs of the product on a laptop left: files of {"<function>": [["<action>", "<ARN>"], ...]}.
"""

import json
import re
import sys
from pathlib import Path

from stack import Stack

# What the service itself does under a function's role, so that no function is seen to do it.
BY_LAMBDA = [
    ("logs:CreateLogStream", "{}Log", "Lambda writes the log of each function"),
    ("logs:PutLogEvents", "{}Log", "Lambda writes the log of each function"),
]
BY_EVENT_SOURCE = [
    ("sqs:ReceiveMessage", "PushQueue", "Lambda takes messages from the queue for Deliver"),
    ("sqs:DeleteMessage", "PushQueue", "Lambda deletes the messages that Deliver has done"),
    ("sqs:GetQueueAttributes", "PushQueue", "Lambda looks how the queue is set up"),
]


def recorded(folder):
    """Each action that a function took, with the logical id of what it took it on: a laptop's names."""
    calls = {}
    for file in folder.glob("*.json"):
        for function, made in json.loads(file.read_text(encoding="utf-8")).items():
            calls.setdefault(function, set()).update((action, re.split("[:/]", arn)[-1]) for action, arn in made)
    return calls


def services_own(function):
    own = {(action, resource.format(function)) for action, resource, _ in BY_LAMBDA}
    if function == "Deliver":
        own |= {(action, resource) for action, resource, _ in BY_EVENT_SOURCE}
    return own


def shown(grants):
    return ", ".join(f"{action} on {resource}" for action, resource in sorted(grants)) or "none"


def main():
    folder = Path(sys.argv[1])
    calls = recorded(folder)
    stack = Stack.of_variant("off")
    wrong = sorted(set(calls) - set(stack.functions))
    if not calls:
        sys.exit(f"privileges: no run has left its calls in {folder}")
    print("The service's own:")
    for action, resource, reason in BY_LAMBDA + BY_EVENT_SOURCE:
        print(f"  {action} on {resource.format('<function>')}: {reason}")
    for function in sorted(stack.functions):
        grants, made, own = stack.grants(function), calls.get(function, set()), services_own(function)
        missing, unused, absent = made - grants, grants - made - own, own - grants
        print(f"{function}: {len(made)} in {len(grants) - len(own & grants)} grants; "
              f"grants minus calls: {shown(unused)}; calls minus grants: {shown(missing)}")
        if missing or unused or absent:
            wrong.append(function)
        if absent:
            print(f"  the service itself is not granted: {shown(absent)}")
    if wrong:
        sys.exit(f"privileges: grants and calls differ: {', '.join(wrong)}")
    print(f"privileges: {len(stack.functions)} functions, both differences are empty for each")


if __name__ == "__main__":
    main()
