"""Assertions about the stack. Each has a mutant: a change of the stack that it must detect."""

from dataclasses import dataclass
from typing import Callable, Iterable

from stack import Stack
from translate import VARIANTS

ALL = []


@dataclass(frozen=True)
class Assertion:
    subject: str
    sentence: str
    violations: Callable[[Stack], Iterable[str]]
    mutate: Callable[[Stack], None]
    variants: tuple


def assertion(mutate, variants=tuple(VARIANTS)):
    """Registers a function that yields the violations of the sentence that is its name."""

    def register(violations):
        subject = violations.__module__.rpartition(".")[2]
        sentence = violations.__name__.replace("_", " ")
        ALL.append(Assertion(subject, sentence, violations, mutate, variants))
        return violations

    return register


def failures(assertion, stacks):
    """Yields the violations in the template, and the mutants that the assertion does not detect."""
    for variant in assertion.variants:
        stack = stacks[variant]
        for violation in assertion.violations(stack):
            yield f"{variant}: {violation}"
        mutant = stack.copy()
        assertion.mutate(mutant)
        if (mutant.resources, mutant.outputs, mutant.declared) == (stack.resources, stack.outputs, stack.declared):
            yield f"{variant}: the mutant changes nothing"
        elif not list(assertion.violations(mutant)):
            yield f"{variant}: the mutant is not detected"
