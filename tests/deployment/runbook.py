"""The operator's manual as a program: its shell blocks, each by its heading and its number there, run in one environment."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from ministack import ROOT

MANUAL = ROOT / "docs/operations.md"
TOOLS = ROOT / ".tools/venv/bin"
# The command line of AWS looks for SQS at an address of AWS, whatever the environment says, unless it is told so.
BEFORE = 'set -a; aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }; typeset -fx aws\n'
AFTER = '\nenv -0 > "$ENVIRONMENT"'

Block = tuple[str, int]


def blocks() -> dict[Block, str]:
    """Every shell block of the manual."""
    found = {}
    for section in re.split(r"^## ", MANUAL.read_text(), flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        scripts = re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
        found |= {(heading, number): script for number, script in enumerate(scripts, 1)}
    return found


class Manual:
    """The blocks, and what they have left in the shell; a block that nobody ran or excused is an error at the end."""

    def __init__(self, environment: dict[str, str], not_run: dict[Block, str], unknown: dict[Block, str]) -> None:
        self.blocks = blocks()
        self._environment = environment | {"PATH": f"{TOOLS}{os.pathsep}{environment['PATH']}"}
        self._not_run, self._unknown = not_run, unknown
        self._ran: set[Block] = set()
        if absent := (set(not_run) | set(unknown)) - set(self.blocks):
            raise SystemExit(f"the manual has no such block: {sorted(absent)}")

    def run(self, heading: str, number: int, values: dict[str, str] | None = None, typed: str = "") -> str:
        """Runs a block with these words in the place of its examples, and answers what it printed."""
        done, script = self._run((heading, number), values or {}, typed)
        if done.returncode:
            raise SystemExit(f"{heading}, block {number}:\n{script}\nends with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def fails(self, heading: str, number: int, words: str) -> None:
        """Runs a block that the emulator does not know, and says so in these words; if it does by now, the excuse is out of
        date."""
        done, _ = self._run((heading, number), {}, "")
        if (heading, number) not in self._unknown or not done.returncode or words not in done.stderr:
            raise SystemExit(f"{heading}, block {number} is not refused as unknown: {done.stdout}{done.stderr}")

    def _run(self, block: Block, values: dict[str, str], typed: str) -> tuple[subprocess.CompletedProcess, str]:
        script = self.blocks[block]
        for example, value in values.items():
            if example not in script:
                raise SystemExit(f"{block} has no {example}")
            script = script.replace(example, value)
        with tempfile.TemporaryDirectory(prefix="pushgate-manual-") as folder:
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

    def ended(self, otherwise: list[str]) -> None:
        """Says what was run and what was not, and why; fails if that is not all there is."""
        if forgotten := set(self.blocks) - self._ran - set(self._not_run):
            raise SystemExit(f"of the manual nobody tried {sorted(forgotten)}")
        if both := self._ran & set(self._not_run):
            raise SystemExit(f"of the manual these are tried: {sorted(both)}")
        tried = self._ran - set(self._unknown)
        print(f"Manual: {len(tried)} of {len(self.blocks)} blocks of commands tried, each with its effect; not tried:")
        for (heading, number), reason in (self._not_run | self._unknown).items():
            print(f"  {heading}, {number}: {reason}")
        print("Tried otherwise than on AWS:")
        for difference in otherwise:
            print(f"  {difference}")
