"""Lints the policies of the roles against cfn-lint's list of the actions and resource types of each service.

cfn-lint skips references, so each is replaced by an ARN of its type first. Mutants with one invalid statement each show
that the linter detects what it should.
"""

import copy
import json

from cfnlint.api import ManualArgs, lint as lint_template

from stack import Stack, as_list, logical_id

ARNS = {
    "AWS::DynamoDB::Table": "arn:aws:dynamodb:eu-central-1:123456789012:table/{}",
    "AWS::SQS::Queue": "arn:aws:sqs:eu-central-1:123456789012:{}",
    "AWS::SecretsManager::Secret": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:{}-a1B2c3",
    "AWS::Logs::LogGroup": "arn:aws:logs:eu-central-1:123456789012:log-group:{}:*",
}

RULES = {"W3037", "I3510"}

MUTANTS = {
    "a misspelled action": {"Action": "dynamodb:UpdateItems"},
    "a misspelled service": {"Action": "dynamo:UpdateItem"},
    "an action on a resource of another service": {"Resource": ARNS["AWS::SQS::Queue"].format("PushQueue")},
    "one of two actions that does not apply to the resource": {"Action": ["dynamodb:UpdateItem", "sqs:SendMessage"]},
}


def roles(stack):
    """A template of the roles alone, with ARNs in place of references."""
    selected = {}
    for name, properties in stack.of("IAM::Role").items():
        properties = copy.deepcopy(properties)
        for policy in properties.get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                named = [logical_id(it) for it in as_list(statement["Resource"])]
                statement["Resource"] = [ARNS[stack.kind(it)].format(it) for it in named]
        selected[name] = {"Type": "AWS::IAM::Role", "Properties": properties}
    return {"AWSTemplateFormatVersion": "2010-09-09", "Resources": selected}


def findings(template):
    settings = ManualArgs(regions=["eu-central-1"], include_checks=["I"])
    found = lint_template(json.dumps(template), config=settings)
    found = [it for it in found if it.rule.id in RULES]
    return [f"{it.rule.id} {'/'.join(map(str, it.path or []))}: {it.message[:120]}" for it in found]


def lint():
    """The findings in the policies, and the mutants that are not detected."""
    stack = Stack.of_variant("on")
    real = roles(stack)
    found = findings(real)
    undetected = []
    for name, change in MUTANTS.items():
        mutant = copy.deepcopy(real)
        policy = mutant["Resources"]["AuthorizerRole"]["Properties"]["Policies"][0]
        policy["PolicyDocument"]["Statement"][0].update(change)
        if not findings(mutant):
            undetected.append(f"policies: {name} is not detected")
    statements = sum(len(stack.statements(name)) for name in stack.functions)
    print(f"policies: {len(found)} findings in {statements} statements of {len(real['Resources'])} roles; "
          f"{len(MUTANTS) - len(undetected)} of {len(MUTANTS)} mutants detected")
    return found + undetected
