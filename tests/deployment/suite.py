"""The suite, run on a deployment: what passed, what was skipped and why, and whether each emulator gap still exists."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import skipped
from ministack import ROOT

# The fields of a deployment config; `notes` is added here.
CONFIG_FIELDS = {"url", "host", "accounts", "nobody", "another_client", "push_hosts", "gaps"}
# The emulator is one Python process, and starts a program for each concurrent invocation: with more tests at once it answers
# late, and no sooner in all.
THREADS = 4
AWS_ONLY = "aws_only::"


def clean_up_on_signals() -> None:
    """Makes Ctrl-C and signals end this process like an error, so that everything that was created is removed."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, lambda number, _: sys.exit(128 + number))


def print_failures(line: str) -> None:
    """Prints a line of the suite's output, unless it is of a passed test."""
    if not line.endswith(" ... ok\n"):
        print(line, end="")


class Suite:
    """The built test binary of the suite."""

    def __init__(self) -> None:
        command = "cargo test --locked -p tests --test suite --no-run --message-format json"
        built = subprocess.run(command.split(), cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        messages = (json.loads(line) for line in built.stdout.splitlines())
        self._program = next(
            message["executable"]
            for message in messages
            if message.get("executable") and message["target"]["name"] == "suite"
        )
        listed = subprocess.run(
            [self._program, "--list", "--format", "terse"], check=True, stdout=subprocess.PIPE, text=True
        )
        self.names = [line.removesuffix(": test") for line in listed.stdout.splitlines()]
        self.skip_list = skipped.read(self.names)

    def _run(self, config: dict, names: list[str], output: Callable[[str], None]) -> tuple[dict[str, bool], set[str]]:
        """Runs these tests; returns which passed, and the records of what they skipped."""
        with tempfile.TemporaryDirectory(prefix="pushgate-suite-") as folder:
            file, notes = Path(folder, "deployment.json"), Path(folder, "notes")
            notes.touch()
            file.write_text(json.dumps(config | {"notes": str(notes)}))
            file.chmod(0o600)
            program = subprocess.Popen(
                [self._program, "--exact", f"--test-threads={THREADS}", *names],
                cwd=ROOT / "tests",
                # A different snapshot is a failure, not a new snapshot to review.
                env=os.environ | {"PUSHGATE_DEPLOYMENT": str(file), "INSTA_UPDATE": "no"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            results = {}
            try:
                for line in program.stdout:
                    if found := re.fullmatch(r"test (\S+) \.\.\. (ok|FAILED)\n", line):
                        results[found[1]] = found[2] == "ok"
                    output(line)
                status = program.wait()
            finally:
                program.kill()
            if set(results) != set(names) or (status == 0) != all(results.values()):
                raise SystemExit(f"the suite exited with {status} after {len(results)} of {len(names)} tests")
            return results, set(notes.read_text().splitlines())

    def run_all(self, make_config: Callable[[int], dict]) -> bool:
        """Runs every test that this deployment can run, and prints the results. `make_config` returns a config with
        unused accounts for the given number of tests."""
        config = make_config(len(self.names))
        skips = self.skip_list.for_deployment(config)
        names = [name for name in self.names if name not in skips]
        started = time.monotonic()
        results, notes = self._run(config, names, print_failures)
        seconds = time.monotonic() - started
        passed = sum(results.values())
        failed = len(names) - passed

        print(f"{config['url']}: {passed} passed, {failed} failed, {len(skips)} skipped, {seconds:.0f} s")
        print("Skipped tests:")
        self._print_reasons(skips.values())
        print("Tests that skipped a part:")
        parts = [note.split()[0] for note in notes]
        self._print_reasons(parts)
        return passed == len(names) and self._check_gaps(make_config, skips, set(parts))

    def _print_reasons(self, reasons: Iterable[str]) -> None:
        for reason, count in Counter(reasons).items():
            print(f"  {count:3}  {self.skip_list.sentence(reason)}")

    def _check_gaps(self, make_config: Callable[[int], dict], skips: dict[str, str], met: set[str]) -> bool:
        """Runs the tests that were skipped for a gap: one that passes must no longer be skipped."""
        names = [name for name, reason in skips.items() if self.skip_list.kinds[reason] == "gap"]
        config = make_config(len(names))
        declared = set(config.get("gaps", []))
        if idle := declared - met - {skips[name] for name in names}:
            print(f"No test meets these gaps: {', '.join(sorted(idle))}")
            return False
        if not names:
            return True
        results, _ = self._run(config | {"gaps": []}, names, lambda line: None)
        closed = [name for name, passed in results.items() if passed]
        print(f"Gaps checked: {len(names) - len(closed)} of {len(names)} tests fail as skipped.toml says")
        for name in closed:
            print(f"  {name} passes: remove it from skipped.toml")
        return not closed

    def run_aws_only(self, make_config: Callable[[int], dict]) -> bool:
        """Runs the tests of aws_only.rs without any gap, and prints each as pass or fail."""
        names = [name for name in self.names if name.startswith(AWS_ONLY)]
        config = make_config(len(names)) | {"gaps": []}
        lines: list[str] = []
        results, _ = self._run(config, names, lines.append)
        for name, passed in sorted(results.items()):
            print(f"{'pass' if passed else 'FAIL'}  {name.removeprefix(AWS_ONLY).replace('_', ' ')}")
        if not all(results.values()):
            print("".join(lines).partition("\nfailures:\n")[2])
        return all(results.values())
