"""The runbook documents the alarms, parameters and outputs of the template: all of them, and no others."""

import re

from assertion import assertion
from translate import SOURCE

RUNBOOK = (SOURCE.parents[1] / "docs/operations.md").read_text(encoding="utf-8")


def rows(heading):
    """The names in the first column of the tables under a heading, each with its second cell."""
    (section,) = re.findall(rf"^#+ {heading}\n(.*?)(?=^##|\Z)", RUNBOOK, flags=re.MULTILINE | re.DOTALL)
    cells = re.findall(r"^\| (.*?) \| (.*?) \|", section, flags=re.MULTILINE)
    return {name: second for first, second in cells for name in re.findall(r"`(\w+)`", first)}


def alarms(s):
    return set(s.of("CloudWatch::Alarm"))


def add_an_alarm(s):
    s.resources["UndocumentedAlarm"] = s.resources["DeadLetterQueueNotEmpty"]


@assertion(add_an_alarm)
def the_runbook_documents_every_alarm(s):
    yield from alarms(s) - set(rows("Alarms"))


@assertion(lambda s: s.resources.pop("CanarySendPushErrors"), variants=("on",))
def the_runbook_documents_no_alarm_that_does_not_exist(s):
    yield from set(rows("Alarms")) - alarms(s)


@assertion(lambda s: s.declared.update(Undocumented={"Type": "String"}))
def the_runbook_documents_every_parameter(s):
    yield from set(s.declared) - set(rows("Parameters"))


@assertion(lambda s: s.declared.pop("CanaryDeployment"))
def the_runbook_documents_no_parameter_that_does_not_exist(s):
    yield from set(rows("Parameters")) - set(s.declared)


@assertion(lambda s: s.declared["LogRetentionDays"].update(Default=31))
def the_runbook_documents_the_default_of_every_parameter(s):
    for name, it in s.declared.items():
        default = str(it.get("Default", ""))
        if rows("Parameters").get(name, "") != (f"`{default}`" if default else "empty"):
            yield f"{name} {default}"


@assertion(lambda s: s.outputs.update(Undocumented={"Value": "none"}))
def the_runbook_documents_every_output(s):
    yield from set(s.outputs) - set(rows("Outputs"))


@assertion(lambda s: s.outputs.pop("AlarmTopicArn"))
def the_runbook_documents_no_output_that_does_not_exist(s):
    yield from set(rows("Outputs")) - set(s.outputs)


@assertion(lambda s: s.resources.pop("DeliverErrors"), variants=("off",))
def the_runbook_states_the_cost_of_the_alarms(s):
    if f"| {len(alarms(s))} alarms | 0.10 | {len(alarms(s)) / 10:.2f} |" not in RUNBOOK:
        yield str(len(alarms(s)))
