"""tools/emulator: deploys the template to MiniStack, runs the suite and the operator's manual on it, and leaves nothing
behind."""

import argparse
import sys
import time
from collections.abc import Callable

import stack
from ministack import MiniStack, free_ports
from operations import operate
from people import People, people
from suite import THREADS, Suite, clean_up_when_told_to_end

NAME = "pushgate"
# What MiniStack does otherwise than AWS, as left-out.toml names it.
GAPS = ["authorizer-context", "request-id", "size-limits", "slashes"]
# Each test's push service binds one; more than run at once, since another program may take one meanwhile.
PUSH_HOSTS = 2 * THREADS


def deployed(emulator: MiniStack, push_hosts: list[str]) -> stack.Stack:
    """The stack with all that MiniStack cannot do left out, and all that it reads elsewhere put there."""
    parameters = {"RetainData": "false", "LogLevel": "info", "AllowedPushHosts": stack.push_hosts_with(push_hosts)}
    deployed = stack.deploy(emulator, NAME, parameters)
    stack.put_gateway_responses(deployed)
    return deployed


def describe(emulator: MiniStack, it: stack.Stack, them: People, push_hosts: list[str]) -> Callable[[int], dict]:
    """Descriptions of this deployment with fresh accounts for as many tests as are asked for."""
    api = it.resources("AWS::ApiGateway::RestApi")["Api"]
    place = {
        "url": emulator.url,
        "host": f"{api}.execute-api.localhost:{emulator.port}",
        "push_hosts": push_hosts,
        "gaps": GAPS,
    }
    return lambda tests: place | them.sign_in(tests)


def stay(emulator: MiniStack, it: stack.Stack) -> bool:
    """Tells how to reach the stack, and waits until it is told to end."""
    api = it.resources("AWS::ApiGateway::RestApi")["Api"]
    for name, value in emulator.environment().items():
        if name.startswith("AWS_"):
            print(f"export {name}={value}")
    print(f"curl -H 'Host: {api}.execute-api.localhost:{emulator.port}' {emulator.url}/v1/keys", flush=True)
    while emulator.process.poll() is None:
        time.sleep(1)
    return False


def main() -> bool:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--built", action="store_true", help="deploy what stands in .aws-sam/build, as it is")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--to-settle", action="store_true", help="print what only AWS can show, each as pass or fail")
    instead.add_argument("--manual", action="store_true", help="run the manual's commands alone, not the suite")
    instead.add_argument("--stay", action="store_true", help="run nothing, and wait for Ctrl-C: the stack can be tried")
    arguments = parser.parse_args()
    clean_up_when_told_to_end()

    began = time.monotonic()
    suite = None if arguments.manual else Suite()
    if not arguments.built:
        stack.build()
    push_hosts = [f"127.0.0.1:{port}" for port in free_ports(PUSH_HOSTS)]
    with MiniStack() as emulator:
        it = deployed(emulator, push_hosts)
        print(f"Deployed to MiniStack at {emulator.url} ({time.monotonic() - began:.0f} s)", flush=True)
        if arguments.stay:
            return stay(emulator, it)
        passed = True
        if suite:
            with people(it) as them:
                run = suite.to_settle if arguments.to_settle else suite.whole
                passed = run(describe(emulator, it, them, push_hosts))
        # Last, because its last command deletes the stack.
        if passed and not arguments.to_settle:
            operate(emulator, it, push_hosts)
    print(f"Emulator: {time.monotonic() - began:.0f} s in all")
    return passed


if __name__ == "__main__":
    sys.exit(not main())
