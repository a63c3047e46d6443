"""The tests that do not run on a deployment, read from skipped.toml and checked against the suite."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass

from ministack import ROOT

FILE = ROOT / "tests/deployment/skipped.toml"
KINDS = ("local-only", "needs", "gap")


@dataclass(frozen=True)
class SkipList:
    """The reasons by name, and the skipped tests with the names of their reasons."""

    kinds: dict[str, str]
    sentences: dict[str, str]
    tests: dict[str, str]

    def sentence(self, reason: str) -> str:
        """The reason as a sentence."""
        return f"{self.kinds[reason]}: {self.sentences[reason]}"

    def for_deployment(self, config: dict) -> dict[str, str]:
        """The tests to skip on this deployment, with the names of their reasons."""
        active = {reason for reason, kind in self.kinds.items() if kind == "local-only"}
        active |= set(config.get("gaps", []))
        if not config.get("push_hosts"):
            active.add("push-service")
        return {test: reason for test, reason in self.tests.items() if reason in active}


def read(names: Iterable[str]) -> SkipList:
    """Reads the file; fails if it names a test or a reason that does not exist."""
    file = tomllib.loads(FILE.read_text())
    if set(file) != {*KINDS, "tests"}:
        raise SystemExit(f"{FILE.name}: the tables must be {', '.join(KINDS)} and tests, not {', '.join(file)}")
    kinds = {reason: kind for kind in KINDS for reason in file[kind]}
    sentences = {reason: sentence for kind in KINDS for reason, sentence in file[kind].items()}
    if unknown := set(file["tests"].values()) - set(kinds):
        raise SystemExit(f"{FILE.name}: unknown reasons: {', '.join(sorted(unknown))}")
    if absent := set(file["tests"]) - set(names):
        raise SystemExit(f"{FILE.name}: unknown tests: {', '.join(sorted(absent))}")
    return SkipList(kinds, sentences, file["tests"])
