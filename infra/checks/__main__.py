"""The template judged: linters, the policies of its roles, and assertions of our own, each with a mutant.

    python infra/checks
"""

import sys
from collections import Counter

import assertions  # noqa: F401  (registers each assertion)
import linters
import policies
from assertion import ALL, faults
from stack import Stack
from translate import VARIANTS


def assert_all():
    """Prints a line for each subject; yields what is wrong."""
    stacks = {name: Stack.of_variant(name) for name in VARIANTS}
    counts, failed = Counter(), Counter()
    for one in ALL:
        found = [f"{one.subject}: {one.sentence}: {fault}" for fault in faults(one, stacks)]
        counts[one.subject] += 1
        failed[one.subject] += bool(found)
        yield from found
    for subject, count in counts.items():
        print(f"{subject}: {count} assertions, {count - failed[subject]} hold and find their mutants")
    total = sum(counts.values())
    print(f"in all: {total} assertions, {total - sum(failed.values())} hold and find their mutants")
    if total < 40:
        yield f"only {total} assertions were found"


def main():
    wrong = [*linters.cfn_lint(), *linters.checkov(), *policies.lint(), *assert_all()]
    for one in wrong:
        print(f"WRONG {one}", file=sys.stderr)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
