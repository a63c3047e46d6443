#!/usr/bin/env python3
"""The template as the SAM transform makes it plain CloudFormation, for every check that looks at resources.

    infra/checks/translate.py [NAME=VALUE ...] [--variant off|on] [--output FILE]

A variant names a whole set of parameters, NAME=VALUE one. Without either, each parameter has its default.
"""

import argparse
import copy
import json
import logging
import os
import sys
from functools import cache
from pathlib import Path

# The translator wants to know a region, and asks nothing of it.
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")

from samcli.yamlhelper import yaml_parse  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402

SOURCE = Path(__file__).resolve().parent.parent / "template.yaml"

ON = {
    "EnableAccessLog": "true",
    "AlarmEmail": "operator@example.com",
    "CanaryDeployment": "true",
    "DomainName": "api.example.com",
    "CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/0b1c",
    "HostedZoneId": "Z0123456789",
    "EnableWaf": "true",
    "UserPoolDomainPrefix": "pushgate-example",
    "GoogleSecret": "pushgate/google",
    "MicrosoftSecret": "pushgate/microsoft",
    "AppleSecret": "pushgate/apple",
}

VARIANTS = {"off": {}, "on": ON}


class NoManagedPolicies:
    """Stands where the translator asks AWS for its managed policies, of which our template names none."""

    def load(self):
        raise RuntimeError("the template names a managed policy")


@cache
def source():
    """The template as it is written, with short tags in their long form. Nobody changes it."""
    return yaml_parse(SOURCE.read_text(encoding="utf-8"))


def translated(template, parameters):
    """Plain CloudFormation for these parameters; the code of each function is said to be in a bucket."""
    template = copy.deepcopy(template)
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            resource.setdefault("Properties", {})["CodeUri"] = f"s3://code/{name}.zip"
    template.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    # It tells of metrics that it cannot send, and of features that it was not asked for.
    logging.disable(logging.WARNING)
    return transform(template, dict(parameters), NoManagedPolicies())


def existing(template, parameters):
    """The translated template as far as it exists with these parameters: without the resources whose condition is false,
    and with each `Fn::If` decided."""
    values = {name: given.get("Default", "") for name, given in template["Parameters"].items()} | parameters
    conditions = template["Conditions"]

    def holds(condition):
        (function, argument), = condition.items()
        match function:
            case "Condition":
                return holds(conditions[argument])
            case "Fn::Not":
                return not holds(argument[0])
            case "Fn::And":
                return all(map(holds, argument))
            case "Fn::Or":
                return any(map(holds, argument))
            case "Fn::Equals":
                left, right = (values[side["Ref"]] if isinstance(side, dict) else side for side in argument)
                return str(left) == str(right)
        raise ValueError(f"{function} is no condition")

    nothing = {"Ref": "AWS::NoValue"}

    def decided(value):
        if isinstance(value, list):
            return [item for item in map(decided, value) if item != nothing]
        if not isinstance(value, dict):
            return value
        if set(value) == {"Fn::If"}:
            condition, yes, no = value["Fn::If"]
            return decided(yes if holds(conditions[condition]) else no)
        items = ((name, decided(item)) for name, item in value.items())
        return {name: item for name, item in items if item != nothing}

    for part in ("Resources", "Outputs"):
        entries = template[part].items()
        kept = {name: it for name, it in entries if "Condition" not in it or holds(conditions[it["Condition"]])}
        template = template | {part: decided(kept)}
    return template


def main():
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--variant", choices=VARIANTS, default="off")
    reader.add_argument("--output", type=Path, help="where to write the JSON; else to standard output")
    reader.add_argument("parameters", nargs="*", metavar="NAME=VALUE")
    given = reader.parse_args()
    template = source()
    parameters = dict(VARIANTS[given.variant])
    for pair in given.parameters:
        name, equals, value = pair.partition("=")
        if not equals or name not in template["Parameters"]:
            reader.error(f"{pair} is not the value of a parameter of the template")
        parameters[name] = value
    text = json.dumps(translated(template, parameters), indent=2) + "\n"
    if given.output:
        given.output.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
