"""An assertion is a sentence that must hold for the stack, and a mutant: a change of the stack that it must find."""

from dataclasses import dataclass
from typing import Callable, Iterable

from stack import Stack
from translate import VARIANTS

ALL = []


@dataclass(frozen=True)
class Assertion:
    subject: str
    sentence: str
    offenders: Callable[[Stack], Iterable[str]]
    mutate: Callable[[Stack], None]
    variants: tuple


def assertion(mutate, variants=tuple(VARIANTS)):
    """Registers a function that yields what offends against the sentence that is its name."""

    def register(offenders):
        subject = offenders.__module__.rpartition(".")[2]
        sentence = offenders.__name__.replace("_", " ")
        ALL.append(Assertion(subject, sentence, offenders, mutate, variants))
        return offenders

    return register


def faults(one, stacks):
    """What is wrong with an assertion: offenders in the template, or a mutant that it does not find."""
    for variant in one.variants:
        stack = stacks[variant]
        for offender in one.offenders(stack):
            yield f"{variant}: {offender}"
        mutant = stack.copy()
        one.mutate(mutant)
        if (mutant.resources, mutant.outputs, mutant.declared) == (stack.resources, stack.outputs, stack.declared):
            yield f"{variant}: the mutant changes nothing"
        elif not list(one.offenders(mutant)):
            yield f"{variant}: the mutant is not found"
