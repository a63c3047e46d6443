"""What of the suite does not run against an address: read from skipped.toml, where nothing may be that is not true."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass

from ministack import ROOT

FILE = ROOT / "tests/deployment/skipped.toml"
KINDS = ("laptop-only", "needs", "gap")


@dataclass(frozen=True)
class LeftOut:
    """The reasons, each by its name, and the tests that are left out whole, each with the name of its reason."""

    kinds: dict[str, str]
    sentences: dict[str, str]
    tests: dict[str, str]

    def sentence(self, reason: str) -> str:
        """The reason in words."""
        return f"{self.kinds[reason]}: {self.sentences[reason]}"

    def here(self, description: dict) -> dict[str, str]:
        """Those of the tests that do not run against this deployment."""
        honoured = {reason for reason, kind in self.kinds.items() if kind == "laptop-only"}
        honoured |= set(description.get("gaps", []))
        if not description.get("push_hosts"):
            honoured.add("push-service")
        return {test: reason for test, reason in self.tests.items() if reason in honoured}


def read(names: Iterable[str]) -> LeftOut:
    """Reads the file, and fails where it names a test or a reason that does not exist."""
    file = tomllib.loads(FILE.read_text())
    if set(file) != {*KINDS, "tests"}:
        raise SystemExit(f"{FILE.name}: its tables are {', '.join(KINDS)} and tests, not {', '.join(file)}")
    kinds = {reason: kind for kind in KINDS for reason in file[kind]}
    sentences = {reason: sentence for kind in KINDS for reason, sentence in file[kind].items()}
    if unknown := set(file["tests"].values()) - set(kinds):
        raise SystemExit(f"{FILE.name}: unknown reasons: {', '.join(sorted(unknown))}")
    if absent := set(file["tests"]) - set(names):
        raise SystemExit(f"{FILE.name}: tests that do not exist: {', '.join(sorted(absent))}")
    return LeftOut(kinds, sentences, file["tests"])
