"""Reads SAM templates, and translates them with the translator that AWS publishes.

    sam.py read FILE      the template as JSON
    sam.py translate      {"template": …, "parameters": {…}} from standard input as plain CloudFormation (JSON)
"""

import json
import logging
import os
import sys

from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator


def read(path):
    with open(path, encoding="utf-8") as file:
        return yaml_parse(file.read())


def translate(template, parameters):
    # The translator warns about feature toggles that only exist inside AWS.
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    # The translator requires a region but makes no calls.
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
    return Translator(managed_policy_map={}, sam_parser=Parser()).translate(template, parameters)


match sys.argv[1:]:
    case ["read", path]:
        json.dump(read(path), sys.stdout)
    case ["translate"]:
        json.dump(translate(**json.load(sys.stdin)), sys.stdout)
    case _:
        sys.exit(__doc__)
