"""The runbook as a program: its shell blocks by heading and number, run in one shell environment."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from ministack import ROOT

RUNBOOK = ROOT / "docs/operations.md"
TOOLS = ROOT / ".tools/venv/bin"
# For SQS the AWS CLI ignores the endpoint URL of the environment, so each command gets it as an option.
BEFORE = 'set -a; aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }; typeset -fx aws\n'
AFTER = '\nenv -0 > "$ENVIRONMENT"'

Block = tuple[str, int]


def blocks() -> dict[Block, str]:
    """Every shell block of the runbook."""
    found = {}
    for section in re.split(r"^## ", RUNBOOK.read_text(), flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        scripts = re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
        found |= {(heading, number): script for number, script in enumerate(scripts, 1)}
    return found


class Runbook:
    """The blocks, with the environment that they leave in the shell. Each block must be run or excused."""

    def __init__(self, environment: dict[str, str], not_run: dict[Block, str], unsupported: dict[Block, str]) -> None:
        self.blocks = blocks()
        self._environment = environment | {"PATH": f"{TOOLS}{os.pathsep}{environment['PATH']}"}
        self._not_run, self._unsupported = not_run, unsupported
        self._ran: set[Block] = set()
        if absent := (set(not_run) | set(unsupported)) - set(self.blocks):
            raise SystemExit(f"the runbook has no such block: {sorted(absent)}")

    def run(self, heading: str, number: int, values: dict[str, str] | None = None, typed: str = "") -> str:
        """Runs a block with these replacements for its examples; returns its output."""
        done, script = self._run((heading, number), values or {}, typed)
        if done.returncode:
            raise SystemExit(f"{heading}, block {number}:\n{script}\nexits with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def fails(self, heading: str, number: int, words: str) -> None:
        """Runs a block that the emulator does not support: it must fail with this text."""
        done, _ = self._run((heading, number), {}, "")
        if (heading, number) not in self._unsupported or not done.returncode or words not in done.stderr:
            raise SystemExit(f"{heading}, block {number} does not fail as unsupported: {done.stdout}{done.stderr}")

    def _run(self, block: Block, values: dict[str, str], typed: str) -> tuple[subprocess.CompletedProcess, str]:
        script = self.blocks[block]
        for example, value in values.items():
            if example not in script:
                raise SystemExit(f"{block} has no {example}")
            script = script.replace(example, value)
        with tempfile.TemporaryDirectory(prefix="pushgate-runbook-") as folder:
            file = Path(folder, "environment")
            done = subprocess.run(
                ["bash", "-eu", "-o", "pipefail", "-c", BEFORE + script + AFTER],
                cwd=ROOT, env=self._environment | {"ENVIRONMENT": str(file)}, input=typed, capture_output=True, text=True,
            )
            if not done.returncode:
                entries = file.read_text().rstrip("\0").split("\0")
                self._environment = dict(entry.split("=", 1) for entry in entries)
        self._ran.add(block)
        return done, script

    def report(self, differences: list[str]) -> None:
        """Prints which blocks were run and which not, and why; fails if a block is missing from both."""
        if forgotten := set(self.blocks) - self._ran - set(self._not_run):
            raise SystemExit(f"blocks of the runbook that were not run: {sorted(forgotten)}")
        if both := self._ran & set(self._not_run):
            raise SystemExit(f"blocks of the runbook that were run although they are excused: {sorted(both)}")
        passed = self._ran - set(self._unsupported)
        print(f"Runbook: {len(passed)} of {len(self.blocks)} blocks of commands run, each with its effect; not run:")
        for (heading, number), reason in (self._not_run | self._unsupported).items():
            print(f"  {heading}, {number}: {reason}")
        print("Differences from AWS:")
        for difference in differences:
            print(f"  {difference}")
