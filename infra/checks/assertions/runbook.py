"""What the operator's manual says of the template: all of it, and nothing that is not so."""

import re

from assertion import assertion
from translate import SOURCE

MANUAL = (SOURCE.parents[1] / "docs/operations.md").read_text(encoding="utf-8")


def rows(heading):
    """The names in the first cells of the tables under a heading, each with the text of its second cell."""
    (section,) = re.findall(rf"^#+ {heading}\n(.*?)(?=^##|\Z)", MANUAL, flags=re.MULTILINE | re.DOTALL)
    cells = re.findall(r"^\| (.*?) \| (.*?) \|", section, flags=re.MULTILINE)
    return {name: second for first, second in cells for name in re.findall(r"`(\w+)`", first)}


def alarms(s):
    return set(s.of("CloudWatch::Alarm"))


def add_an_alarm(s):
    s.resources["DeadSessions"] = s.resources["DeadLetterQueueNotEmpty"]


@assertion(add_an_alarm)
def the_manual_says_of_every_alarm_what_to_do(s):
    yield from alarms(s) - set(rows("Alarms"))


@assertion(lambda s: s.resources.pop("CanarySendPushErrors"), variants=("on",))
def the_manual_knows_no_alarm_that_does_not_exist(s):
    yield from set(rows("Alarms")) - alarms(s)


@assertion(lambda s: s.declared.update(Colour={"Type": "String"}))
def the_manual_names_every_parameter(s):
    yield from set(s.declared) - set(rows("Parameters"))


@assertion(lambda s: s.declared.pop("CanaryDeployment"))
def the_manual_names_no_parameter_that_does_not_exist(s):
    yield from set(rows("Parameters")) - set(s.declared)


@assertion(lambda s: s.declared["LogRetentionDays"].update(Default=31))
def the_manual_knows_the_default_of_every_parameter(s):
    for name, it in s.declared.items():
        default = str(it.get("Default", ""))
        if rows("Parameters").get(name, "") != (f"`{default}`" if default else "empty"):
            yield f"{name} {default}"


@assertion(lambda s: s.outputs.update(Colour={"Value": "blue"}))
def the_manual_names_every_output(s):
    yield from set(s.outputs) - set(rows("Outputs"))


@assertion(lambda s: s.outputs.pop("AlarmTopicArn"))
def the_manual_names_no_output_that_does_not_exist(s):
    yield from set(rows("Outputs")) - set(s.outputs)


@assertion(lambda s: s.resources.pop("DeliverErrors"), variants=("off",))
def the_manual_counts_the_alarms_that_cost(s):
    if f"| {len(alarms(s))} alarms | 0.10 | {len(alarms(s)) / 10:.2f} |" not in MANUAL:
        yield str(len(alarms(s)))
