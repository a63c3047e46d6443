"""Checks the template: linters, the policies of its roles, and assertions, each with a mutant that it must detect.

    python infra/checks
"""

import sys
from collections import Counter

import assertions  # noqa: F401  (registers each assertion)
import linters
import policies
from assertion import ALL, failures
from stack import Stack
from translate import VARIANTS


def assert_all():
    """Runs every assertion, prints a line per subject and yields the failures."""
    stacks = {name: Stack.of_variant(name) for name in VARIANTS}
    counts, failed = Counter(), Counter()
    for each in ALL:
        found = [f"{each.subject}: {each.sentence}: {failure}" for failure in failures(each, stacks)]
        counts[each.subject] += 1
        failed[each.subject] += bool(found)
        yield from found
    for subject, count in counts.items():
        print(f"{subject}: {count} assertions, {count - failed[subject]} pass and detect their mutants")
    total = sum(counts.values())
    print(f"total: {total} assertions, {total - sum(failed.values())} pass and detect their mutants")
    if total < 40:
        yield f"only {total} assertions were found"


def main():
    failed = [*linters.cfn_lint(), *linters.checkov(), *policies.lint(), *assert_all()]
    for failure in failed:
        print(f"FAILED {failure}", file=sys.stderr)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
