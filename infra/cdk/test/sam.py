"""Reads a SAM template, and applies to one what CloudFormation applies: the translator that AWS publishes.

    sam.py read FILE      the template as JSON
    sam.py translate      of {"template": …, "parameters": {…}} from standard input, plain CloudFormation as JSON
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
    # It warns of switches of its own that nobody outside AWS can set.
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    # It wants to know a region, and asks nothing of it.
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
    return Translator(managed_policy_map={}, sam_parser=Parser()).translate(template, parameters)


match sys.argv[1:]:
    case ["read", path]:
        json.dump(read(path), sys.stdout)
    case ["translate"]:
        json.dump(translate(**json.load(sys.stdin)), sys.stdout)
    case _:
        sys.exit(__doc__)
