"""tools/test-emulator: deploys the template to MiniStack, runs the suite, checks of the console and the runbook, and removes
everything."""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable

import stack
from ministack import ROOT, MiniStack, free_ports
from operations import run_runbook
from suite import THREADS, Suite, clean_up_on_signals
from users import Users, suite_users

NAME = "pushgate"
# The gaps of MiniStack, by their names in skipped.toml.
GAPS = ["authorizer-context", "request-id", "repeated-headers", "size-limits", "slashes"]
# Each running test's push service binds one; twice as many, since other programs may take some.
PUSH_HOSTS = 2 * THREADS
# The console's checks of creating keys, of changing them and of signing in, as far as the emulator can serve them.
CONSOLE_CHECKS = [1, 2, 4, 5, 6, 7, 8, 9, 18, 20, 21, 23, 24, 25, 27, 34]


def deploy(emulator: MiniStack, push_hosts: list[str]) -> stack.Stack:
    """Deploys the stack, and configures what MiniStack does not read from the template."""
    parameters = {
        "RetainData": "false",
        "AllowTestSignIn": "true",
        "LogLevel": "info",
        "ConsoleOrigin": "http://localhost:3000",
        "AllowedPushHosts": stack.push_hosts_with(push_hosts),
    }
    deployed = stack.deploy(emulator, NAME, parameters)
    stack.put_gateway_responses(deployed)
    return deployed


def host(emulator: MiniStack, it: stack.Stack) -> str:
    """The `Host` header that selects the API at the emulator's address."""
    api = it.resources("AWS::ApiGateway::RestApi")["Api"]
    return f"{api}.execute-api.localhost:{emulator.port}"


def run_console_checks(emulator: MiniStack, it: stack.Stack, users: Users) -> bool:
    """Signs in at the address that the deployment printed, with a browser, and runs checks of the console there."""
    deployment = {
        "emulator": emulator.url,
        "host": host(emulator, it),
        "console": it.outputs["ConsoleUrl"],
        "sign_in": it.outputs["SignInUrl"],
        "users": users.browser_users(),
    }
    file = emulator.folder / "console.json"
    file.write_text(json.dumps(deployment))
    print(f"Console at {it.outputs['ConsoleUrl']}", flush=True)
    command = ["node", ROOT / "console/tests/run.mjs", file, *map(str, CONSOLE_CHECKS)]
    return subprocess.run(command, check=False).returncode == 0


def config_maker(emulator: MiniStack, it: stack.Stack, users: Users, push_hosts: list[str]) -> Callable[[int], dict]:
    """Returns configs of this deployment, with unused accounts for the given number of tests."""
    base = {
        "url": emulator.url,
        "host": host(emulator, it),
        "push_hosts": push_hosts,
        "gaps": GAPS,
    }
    return lambda tests: base | users.sign_in(tests)


def stay(emulator: MiniStack, it: stack.Stack) -> bool:
    """Prints how to reach the stack, and waits for Ctrl-C."""
    for name, value in emulator.environment().items():
        if name.startswith("AWS_"):
            print(f"export {name}={value}")
    print(f"curl -H 'Host: {host(emulator, it)}' {emulator.url}/v1/keys", flush=True)
    while emulator.process.poll() is None:
        time.sleep(1)
    return False


def main() -> bool:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--built", action="store_true", help="deploy .aws-sam/build without building it")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--aws-only", action="store_true", help="run only aws_only.rs, each test as pass or fail")
    instead.add_argument("--runbook", action="store_true", help="run only the commands of the runbook")
    instead.add_argument("--console", action="store_true", help="run only the console's checks in a browser")
    instead.add_argument("--stay", action="store_true", help="run nothing, and keep the stack until Ctrl-C")
    arguments = parser.parse_args()
    clean_up_on_signals()

    started = time.monotonic()
    suite = None if arguments.runbook or arguments.console else Suite()
    if not arguments.built:
        stack.build()
    push_hosts = [f"127.0.0.1:{port}" for port in free_ports(PUSH_HOSTS)]
    with MiniStack() as emulator:
        it = deploy(emulator, push_hosts)
        print(f"Deployed to MiniStack at {emulator.url} ({time.monotonic() - started:.0f} s)", flush=True)
        if arguments.stay:
            return stay(emulator, it)
        passed = True
        with suite_users(it) as users:
            if suite:
                run = suite.run_aws_only if arguments.aws_only else suite.run_all
                passed = run(config_maker(emulator, it, users, push_hosts))
            if passed and not arguments.aws_only and not arguments.runbook:
                passed = run_console_checks(emulator, it, users)
        if not passed:
            # With its stacks at the times when it did not answer.
            print(emulator.log.read_text(errors="replace"))
        print(emulator.pauses(), flush=True)
        # Last, since its last command deletes the stack.
        if passed and not arguments.aws_only and not arguments.console:
            run_runbook(emulator, it, push_hosts)
    print(f"Emulator: {time.monotonic() - started:.0f} s in total")
    return passed


if __name__ == "__main__":
    sys.exit(not main())
