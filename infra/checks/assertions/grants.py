"""The grants of each function's role, and every other policy of the stack."""

from assertion import assertion
from stack import as_list, logical_id, references, text

# The role with which CodeDeploy shifts traffic. SAM creates it with an AWS managed policy, because the actions that
# CodeDeploy needs are not documented.
MANAGED = {"CodeDeployServiceRole": "service-role/AWSCodeDeployRoleForLambda"}

# No Scan, no BatchWriteItem, no control-plane actions.
TABLE_ACTIONS = {
    f"dynamodb:{name}" for name in ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "BatchGetItem", "Query")
}

PRINCIPALS = {"Lambda::Function": "lambda.amazonaws.com", "CodeDeploy::DeploymentGroup": "codedeploy.amazonaws.com"}


def first_statement(s, function):
    return s.statements(function)[0]


def share_a_role(s):
    s["ListKeys"]["Role"] = {"Fn::GetAtt": ["CreateKeyRole", "Arn"]}


@assertion(share_a_role)
def every_function_has_its_own_role(s):
    for name, it in s.functions.items():
        if logical_id(it["Role"]) != f"{name}Role" or s.kind(f"{name}Role") != "AWS::IAM::Role":
            yield name


@assertion(lambda s: s.resources.update(SpareRole=s.resources["DeliverRole"]))
def every_role_is_used(s):
    functions = {logical_id(it["Role"]) for it in s.functions.values()}
    deployments = {logical_id(it["ServiceRoleArn"]) for it in s.of("CodeDeploy::DeploymentGroup").values()}
    yield from s.of("IAM::Role").keys() - functions - deployments


@assertion(lambda s: first_statement(s, "Authorizer").update(Action="dynamodb:Update*"))
def no_grant_has_a_wildcard_action(s):
    for name in s.functions:
        for it in s.statements(name):
            if "NotAction" in it or any("*" in action or "?" in action for action in as_list(it["Action"])):
                yield f"{name} {text(it)}"


@assertion(lambda s: first_statement(s, "Authorizer").update(Resource="*"))
def every_grant_is_on_one_resource_of_this_stack(s):
    for name in s.functions:
        for it in s.statements(name):
            resource = it.get("Resource", "*")
            if "NotResource" in it or logical_id(resource) not in s.resources or "Fn::GetAtt" not in resource:
                yield f"{name} {text(it)}"


@assertion(lambda s: first_statement(s, "Authorizer").update(Effect="Deny"))
def every_statement_is_an_unconditional_Allow(s):
    for name in s.functions:
        for it in s.statements(name):
            if it.keys() != {"Effect", "Action", "Resource"} or it["Effect"] != "Allow":
                yield f"{name} {text(it)}"


@assertion(lambda s: s["ListKeysRole"].update(ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]))
def no_role_has_a_managed_policy_except_the_one_listed_here(s):
    for name, it in s.of("IAM::Role").items():
        attached = [arn.rpartition(":policy/")[2] for arn in it.get("ManagedPolicyArns", [])]
        if attached != [MANAGED[name]] if name in MANAGED else attached:
            yield name


@assertion(lambda s: s.resources.update(Extra={"Type": "AWS::IAM::Policy", "Properties": {}}))
def every_policy_is_inline_in_a_role(s):
    for kind in ("IAM::Policy", "IAM::ManagedPolicy", "IAM::RolePolicy", "IAM::UserPolicy", "IAM::User"):
        yield from s.of(kind)


def trust_any_principal(s):
    s["DeliverRole"]["AssumeRolePolicyDocument"] = {
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}]
    }


@assertion(trust_any_principal)
def only_its_service_may_assume_a_role(s):
    for name, it in s.of("IAM::Role").items():
        service = PRINCIPALS["CodeDeploy::DeploymentGroup" if name in MANAGED else "Lambda::Function"]
        for statement in it["AssumeRolePolicyDocument"]["Statement"]:
            allowed = as_list(statement["Action"]), as_list(statement["Principal"].get("Service"))
            if allowed != (["sts:AssumeRole"], [service]):
                yield name


def write_another_log(s):
    s.statements("ListKeys")[-1]["Resource"] = {"Fn::GetAtt": ["DeliverLog", "Arn"]}


@assertion(write_another_log)
def every_function_writes_only_its_own_log_group(s):
    for name in s.functions:
        logs = {grant for grant in s.grants(name) if grant[0].startswith("logs:")}
        if logs != {("logs:CreateLogStream", f"{name}Log"), ("logs:PutLogEvents", f"{name}Log")}:
            yield name


@assertion(lambda s: s.environment("ListKeys").update(CHANNELS_TABLE={"Ref": "ChannelsTable"}))
def a_function_may_use_exactly_the_tables_in_its_environment(s):
    for name in s.functions:
        granted = {resource for action, resource in s.grants(name) if action.startswith("dynamodb:")}
        if granted != s.resources_in_environment(name, "DynamoDB::Table"):
            yield f"{name}: {text(sorted(granted))}"


@assertion(lambda s: first_statement(s, "ListKeys").update(Action=["dynamodb:Query", "dynamodb:Scan"]))
def no_function_may_scan_or_administer_a_table(s):
    for name in s.functions:
        for action, resource in s.grants(name):
            if action.startswith("dynamodb:") and action not in TABLE_ACTIONS:
                yield f"{name} {action} {resource}"


@assertion(lambda s: first_statement(s, "Authorizer").update(Action=["dynamodb:UpdateItem", "dynamodb:GetItem"]))
def the_authorizer_may_only_update_keys(s):
    granted = {grant for grant in s.grants("Authorizer") if not grant[0].startswith("logs:")}
    if granted != {("dynamodb:UpdateItem", "KeysTable")}:
        yield text(sorted(granted))


def let_list_keys_send(s):
    first_statement(s, "ListKeys").update(Action="sqs:SendMessage", Resource={"Fn::GetAtt": ["PushQueue", "Arn"]})


@assertion(let_list_keys_send)
def only_SendPush_and_Deliver_send_messages_and_only_Deliver_receives_them(s):
    for action, expected in (("sqs:SendMessage", {"SendPush", "Deliver"}), ("sqs:ReceiveMessage", {"Deliver"})):
        allowed = {name for name in s.functions if (action, "PushQueue") in s.grants(name)}
        if allowed != expected:
            yield f"{action}: {sorted(allowed)}"


def let_get_push_read_the_secret(s):
    secret = {"Fn::GetAtt": ["VapidSecret", "Id"]}
    first_statement(s, "GetPush").update(Action="secretsmanager:GetSecretValue", Resource=secret)


@assertion(let_get_push_read_the_secret)
def only_functions_with_the_secret_in_their_environment_may_read_it(s):
    for name in s.functions:
        granted = {grant for grant in s.grants(name) if grant[0].startswith("secretsmanager:")}
        # CloudFormation reads the tag key; no function does.
        secrets = set(s.resources_in_environment(name, "SecretsManager::Secret")) - {"TagKeySecret"}
        if granted != {("secretsmanager:GetSecretValue", secret) for secret in secrets}:
            yield name


@assertion(lambda s: s["AlarmTopicPolicy"]["PolicyDocument"]["Statement"][0].pop("Condition"))
def only_alarms_of_this_account_may_publish_to_the_topic(s):
    for name, it in s.of("SNS::TopicPolicy").items():
        for statement in it["PolicyDocument"]["Statement"]:
            condition = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
            this_account = statement.get("Condition") == condition
            alarms = statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
            if not (this_account and alarms and statement["Action"] == "sns:Publish"):
                yield name


def open_the_key_policy(s):
    s["AlarmTopicKey"]["KeyPolicy"]["Statement"][1].update(Principal="*")


@assertion(open_the_key_policy)
def only_this_account_and_CloudWatch_may_use_the_KMS_key(s):
    for name, it in s.of("KMS::Key").items():
        for statement in it["KeyPolicy"]["Statement"]:
            owner = "AWS::AccountId" in references(statement["Principal"])
            alarms = statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
            minimal = set(as_list(statement["Action"])) <= {"kms:Decrypt", "kms:GenerateDataKey"}
            if not owner and not (alarms and minimal) or any("*" in action for action in as_list(statement["Action"])):
                yield name
