"""The policies of the roles, checked against the list of what each service knows: its actions, and what they are taken on.

cfn-lint holds that list. It looks past references, so each is given a name of its kind first. What it must find is shown
by policies that are wrong in one way each.
"""

import copy
import json

from cfnlint.api import ManualArgs, lint as lint_template

from stack import Stack, listed, target

ARNS = {
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:eu-central-1:123456789012:table/{}",
    "AWS::SQS::Queue": "arn:aws:sqs:eu-central-1:123456789012:{}",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:{}-a1B2c3",
    "AWS::Logs::LogGroup": "arn:aws:logs:eu-central-1:123456789012:log-group:{}:*",
}

RULES = {"W3037", "I3510"}

MUTANTS = {
    "a misspelt action": {"Action": "dynamodb:UpdateItems"},
    "a misspelt service": {"Action": "dynamo:UpdateItem"},
    "an action on a resource of another service": {"Resource": ARNS["AWS::SQS::Queue"].format("PushQueue")},
    "one action of two that the resource does not have": {"Action": ["dynamodb:UpdateItem", "sqs:SendMessage"]},
}


def roles(stack):
    """The roles alone, with names in place of references."""
    found = {}
    for name, properties in stack.of("IAM::Role").items():
        properties = copy.deepcopy(properties)
        for policy in properties.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                named = [target(it) for it in listed(statement["Resource"])]
                statement["Resource"] = [ARNS[stack.kind(it)].format(it) for it in named]
        found[name] = {"Type": "AWS::IAM::Role", "Properties": properties}
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": found}


def findings(template):
    settings = ManualArgs(regions=["eu-central-1"], include_checks=["I"])
    found = lint_template(json.dumps(template), config=settings)
    return [f"{it.rule.id} {'/'.join(map(str, it.path or []))}: {it.message[:120]}" for it in found if it.rule.id in RULES]


def lint():
    """What is wrong with the policies, or with this linter."""
    stack = Stack.of_variant("on")
    real = roles(stack)
    wrong = findings(real)
    blind = []
    for name, change in MUTANTS.items():
        mutant = copy.deepcopy(real)
        mutant["Resources"]["AuthorizerRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0].update(change)
        if not findings(mutant):
            blind.append(f"policies: {name} is not found")
    statements = sum(len(stack.statements(name)) for name in stack.functions)
    print(f"policies: {len(wrong)} findings in {statements} statements of {len(real['Resources'])} roles; "
          f"{len(MUTANTS) - len(blind)} of {len(MUTANTS)} mutants found")
    return wrong + blind
