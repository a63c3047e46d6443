"""The suite, run against an address: what passed, what was left out and why, and whether each gap is still there."""

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

# What a description may say; `notes` is added here.
PARTS = {"url", "host", "accounts", "nobody", "push_hosts", "gaps"}
THREADS = 8
TO_SETTLE = "aws_only::"


def clean_up_when_told_to_end() -> None:
    """Whoever ends this process, by Ctrl-C or a signal, ends it as an error would: all that was made is taken away."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, lambda number, _: sys.exit(128 + number))


def say_what_fails(line: str) -> None:
    """Prints what the suite says, but for the tests that pass."""
    if not line.endswith(" ... ok\n"):
        print(line, end="")


class Suite:
    """The suite's program, built."""

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
        self.left_out = skipped.read(self.names)

    def _run(self, description: dict, names: list[str], say: Callable[[str], None]) -> tuple[dict[str, bool], set[str]]:
        """Runs these tests; answers which passed, and the notes of what they left out."""
        with tempfile.TemporaryDirectory(prefix="pushgate-suite-") as folder:
            file, notes = Path(folder, "deployment.json"), Path(folder, "notes")
            notes.touch()
            file.write_text(json.dumps(description | {"notes": str(notes)}))
            file.chmod(0o600)
            program = subprocess.Popen(
                [self._program, "--exact", f"--test-threads={THREADS}", *names],
                cwd=ROOT / "tests",
                # A snapshot that differs is a failure here, and nothing to be reviewed.
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
                    say(line)
                ended = program.wait()
            finally:
                program.kill()
            if set(results) != set(names) or (ended == 0) != all(results.values()):
                raise SystemExit(f"the suite ended with {ended} after {len(results)} of {len(names)} tests")
            return results, set(notes.read_text().splitlines())

    def whole(self, describe: Callable[[int], dict]) -> bool:
        """Runs all that this deployment can run, and says so. `describe` is asked for a description with so many fresh
        accounts."""
        description = describe(len(self.names))
        skipped = self.left_out.here(description)
        names = [name for name in self.names if name not in skipped]
        began = time.monotonic()
        results, notes = self._run(description, names, say_what_fails)
        seconds = time.monotonic() - began
        passed = sum(results.values())
        failed, left = len(names) - passed, len(skipped)

        print(f"{description['url']}: {passed} passed, {failed} failed, {left} left out, {seconds:.0f} s")
        print("Tests left out whole:")
        self._say_why(skipped.values())
        print("Tests that ran but for a part:")
        parts = [note.split()[0] for note in notes]
        self._say_why(parts)
        return passed == len(names) and self._gaps_are_there(describe, skipped, set(parts))

    def _say_why(self, reasons: Iterable[str]) -> None:
        for reason, count in Counter(reasons).items():
            print(f"  {count:3}  {self.left_out.sentence(reason)}")

    def _gaps_are_there(self, describe: Callable[[int], dict], skipped: dict[str, str], met: set[str]) -> bool:
        """Runs the tests that were left out for a gap: what passes must be left out no longer."""
        names = [name for name, reason in skipped.items() if self.left_out.kinds[reason] == "gap"]
        description = describe(len(names))
        declared = set(description.get("gaps", []))
        if idle := declared - met - {skipped[name] for name in names}:
            print(f"No test meets these gaps: {', '.join(sorted(idle))}")
            return False
        if not names:
            return True
        results, _ = self._run(description | {"gaps": []}, names, lambda line: None)
        gone = [name for name, passed in results.items() if passed]
        print(f"Gaps looked for: {len(names) - len(gone)} of {len(names)} tests fail as skipped.toml says")
        for name in gone:
            print(f"  {name} passes: take it out of skipped.toml")
        return not gone

    def to_settle(self, describe: Callable[[int], dict]) -> bool:
        """Runs what only AWS can show, with no gap honoured, and prints each as pass or fail."""
        names = [name for name in self.names if name.startswith(TO_SETTLE)]
        description = describe(len(names)) | {"gaps": []}
        said: list[str] = []
        results, _ = self._run(description, names, said.append)
        for name, passed in sorted(results.items()):
            print(f"{'pass' if passed else 'FAIL'}  {name.removeprefix(TO_SETTLE).replace('_', ' ')}")
        if not all(results.values()):
            print("".join(said).partition("\nfailures:\n")[2])
        return all(results.values())
