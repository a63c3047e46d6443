#!/usr/bin/env python3
"""Translates the template to plain CloudFormation with the SAM transform, for the checks that inspect resources.

    infra/checks/translate.py [NAME=VALUE ...] [--variant off|on] [--output FILE]

A variant is a set of parameters; NAME=VALUE sets one. All others have their defaults.
"""

import argparse
import copy
import json
import logging
import os
import sys
from functools import cache
from pathlib import Path

# The translator requires a region but makes no calls.
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")

from samcli.yamlhelper import yaml_parse  # noqa: E402
from samtranslator.translator.transform import transform  # noqa: E402

SOURCE = Path(__file__).resolve().parent.parent / "template.yaml"

ON = {
    "ConsoleOrigin": "https://console.example.com",
    "EnableAccessLog": "true",
    "AlarmEmail": "operator@example.com",
    "CanaryDeployment": "true",
    "DomainName": "api.example.com",
    "CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/0b1c",
    "HostedZoneId": "Z0123456789",
    "EnableWaf": "true",
    "UserPoolDomainPrefix": "pushgate-example",
    "AllowTestSignIn": "true",
    "GoogleSecret": "pushgate/google",
    "MicrosoftSecret": "pushgate/microsoft",
    "AppleSecret": "pushgate/apple",
}

VARIANTS = {"off": {}, "on": ON}


class NoManagedPolicies:
    """Replaces the loader of AWS managed policies, which the template does not use."""

    def load(self):
        raise RuntimeError("the template uses a managed policy")


@cache
def source():
    """The source template, with short-form tags expanded. Cached: callers must not change it."""
    return yaml_parse(SOURCE.read_text(encoding="utf-8"))


def translated(template, parameters):
    """The template translated to CloudFormation, with a placeholder for the code of each function."""
    template = copy.deepcopy(template)
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            resource.setdefault("Properties", {})["CodeUri"] = f"s3://code/{name}.zip"
    template.get("Globals", {}).get("Function", {}).pop("CodeUri", None)
    # The translator warns about telemetry and feature toggles that only exist inside AWS.
    logging.disable(logging.WARNING)
    return transform(template, dict(parameters), NoManagedPolicies())


def resolve_conditions(template, parameters):
    """The translated template with all conditions resolved: resources whose condition is false are removed, and each
    `Fn::If` is replaced by its result."""
    values = {name: it.get("Default", "") for name, it in template["Parameters"].items()} | parameters
    conditions = template["Conditions"]

    def is_true(condition):
        (function, argument), = condition.items()
        match function:
            case "Condition":
                return is_true(conditions[argument])
            case "Fn::Not":
                return not is_true(argument[0])
            case "Fn::And":
                return all(map(is_true, argument))
            case "Fn::Or":
                return any(map(is_true, argument))
            case "Fn::Equals":
                left, right = (values[side["Ref"]] if isinstance(side, dict) else side for side in argument)
                return str(left) == str(right)
        raise ValueError(f"{function} is not a condition function")

    no_value = {"Ref": "AWS::NoValue"}

    def resolved(value):
        if isinstance(value, list):
            return [item for item in map(resolved, value) if item != no_value]
        if not isinstance(value, dict):
            return value
        if set(value) == {"Fn::If"}:
            condition, yes, no = value["Fn::If"]
            return resolved(yes if is_true(conditions[condition]) else no)
        items = ((name, resolved(item)) for name, item in value.items())
        return {name: item for name, item in items if item != no_value}

    for part in ("Resources", "Outputs"):
        entries = template[part].items()
        kept = {name: it for name, it in entries if "Condition" not in it or is_true(conditions[it["Condition"]])}
        template = template | {part: resolved(kept)}
    return template


def main():
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--variant", choices=VARIANTS, default="off")
    reader.add_argument("--output", type=Path, help="file to write the JSON to (default: standard output)")
    reader.add_argument("parameters", nargs="*", metavar="NAME=VALUE")
    given = reader.parse_args()
    template = source()
    parameters = dict(VARIANTS[given.variant])
    for pair in given.parameters:
        name, equals, value = pair.partition("=")
        if not equals or name not in template["Parameters"]:
            reader.error(f"{pair} does not set a parameter of the template")
        parameters[name] = value
    text = json.dumps(translated(template, parameters), indent=2) + "\n"
    if given.output:
        given.output.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
