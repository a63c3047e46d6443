"""What each function may do, and who else may do something."""

from assertion import assertion
from stack import listed, references, target, text

# The role with which CodeDeploy moves traffic. SAM makes it, with a policy that AWS keeps: what CodeDeploy needs is not
# documented action by action.
MANAGED = {"CodeDeployServiceRole": "service-role/AWSCodeDeployRoleForLambda"}

# No Scan, no writing in batches, nothing that changes a table.
TABLE_ACTIONS = {
    f"dynamodb:{name}" for name in ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "BatchGetItem", "Query")
}

OWNERS = {"Lambda::Function": "lambda.amazonaws.com", "CodeDeploy::DeploymentGroup": "codedeploy.amazonaws.com"}


def first(s, function):
    return s.statements(function)[0]


def share(s):
    s["ListKeys"]["Role"] = {"Fn::GetAtt": ["CreateKeyRole", "Arn"]}


@assertion(share)
def every_function_has_a_role_of_its_own(s):
    for name, it in s.functions.items():
        if target(it["Role"]) != f"{name}Role" or s.kind(f"{name}Role") != "AWS::IAM::Role":
            yield name


@assertion(lambda s: s.resources.update(SpareRole=s.resources["DeliverRole"]))
def every_role_is_somebody_s(s):
    functions = {target(it["Role"]) for it in s.functions.values()}
    deployments = {target(it["ServiceRoleArn"]) for it in s.of("CodeDeploy::DeploymentGroup").values()}
    yield from s.of("IAM::Role").keys() - functions - deployments


@assertion(lambda s: first(s, "Authorizer").update(Action="dynamodb:Update*"))
def every_grant_names_its_actions_in_full(s):
    for name in s.functions:
        for it in s.statements(name):
            if "NotAction" in it or any("*" in action or "?" in action for action in listed(it["Action"])):
                yield f"{name} {text(it)}"


@assertion(lambda s: first(s, "Authorizer").update(Resource="*"))
def every_grant_is_on_one_resource_of_this_stack(s):
    for name in s.functions:
        for it in s.statements(name):
            if "NotResource" in it or target(it["Resource"]) not in s.resources or "Fn::GetAtt" not in it["Resource"]:
                yield f"{name} {text(it)}"


@assertion(lambda s: first(s, "Authorizer").update(Effect="Deny"))
def every_statement_is_a_plain_grant(s):
    for name in s.functions:
        for it in s.statements(name):
            if it.keys() != {"Effect", "Action", "Resource"} or it["Effect"] != "Allow":
                yield f"{name} {text(it)}"


@assertion(lambda s: s["ListKeysRole"].update(ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]))
def no_role_has_a_policy_of_somebody_else_s_but_the_one_named_here(s):
    for name, it in s.of("IAM::Role").items():
        attached = [arn.rpartition(":policy/")[2] for arn in it.get("ManagedPolicyArns", [])]
        if attached != [MANAGED[name]] if name in MANAGED else attached:
            yield name


@assertion(lambda s: s.resources.update(Extra={"Type": "AWS::IAM::Policy", "Properties": {}}))
def no_grant_stands_outside_a_role(s):
    for kind in ("IAM::Policy", "IAM::ManagedPolicy", "IAM::RolePolicy", "IAM::UserPolicy", "IAM::User"):
        yield from s.of(kind)


def open_the_role(s):
    s["DeliverRole"]["AssumeRolePolicyDocument"] = {
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}]
    }


@assertion(open_the_role)
def only_its_service_may_take_a_role(s):
    for name, it in s.of("IAM::Role").items():
        service = OWNERS["CodeDeploy::DeploymentGroup" if name in MANAGED else "Lambda::Function"]
        for one in it["AssumeRolePolicyDocument"]["Statement"]:
            if (listed(one["Action"]), listed(one["Principal"].get("Service"))) != (["sts:AssumeRole"], [service]):
                yield name


def write_elsewhere(s):
    s.statements("ListKeys")[-1]["Resource"] = {"Fn::GetAtt": ["DeliverLog", "Arn"]}


@assertion(write_elsewhere)
def every_function_writes_its_own_log_and_no_other(s):
    for name in s.functions:
        logs = {grant for grant in s.grants(name) if grant[0].startswith("logs:")}
        if logs != {("logs:CreateLogStream", f"{name}Log"), ("logs:PutLogEvents", f"{name}Log")}:
            yield name


@assertion(lambda s: s.environment("ListKeys").update(CHANNELS_TABLE={"Ref": "ChannelsTable"}))
def a_function_may_use_the_tables_that_it_is_told_of_and_no_others(s):
    for name in s.functions:
        granted = {resource for action, resource in s.grants(name) if action.startswith("dynamodb:")}
        if granted != s.told_of(name, "DynamoDB::Table"):
            yield f"{name}: {text(sorted(granted))}"


@assertion(lambda s: first(s, "ListKeys").update(Action=["dynamodb:Query", "dynamodb:Scan"]))
def no_function_reads_a_whole_table_or_changes_one(s):
    for name in s.functions:
        for action, resource in s.grants(name):
            if action.startswith("dynamodb:") and action not in TABLE_ACTIONS:
                yield f"{name} {action} {resource}"


@assertion(lambda s: first(s, "Authorizer").update(Action=["dynamodb:UpdateItem", "dynamodb:GetItem"]))
def the_authorizer_has_one_right_the_write_that_judges(s):
    granted = {grant for grant in s.grants("Authorizer") if not grant[0].startswith("logs:")}
    if granted != {("dynamodb:UpdateItem", "KeysTable")}:
        yield text(sorted(granted))


def let_list_keys_send(s):
    first(s, "ListKeys").update(Action="sqs:SendMessage", Resource={"Fn::GetAtt": ["PushQueue", "Arn"]})


@assertion(let_list_keys_send)
def the_queue_is_filled_by_two_and_emptied_by_one(s):
    for action, expected in (("sqs:SendMessage", {"SendPush", "Deliver"}), ("sqs:ReceiveMessage", {"Deliver"})):
        may = {name for name in s.functions if (action, "PushQueue") in s.grants(name)}
        if may != expected:
            yield f"{action}: {sorted(may)}"


def let_get_push_read_the_secret(s):
    first(s, "GetPush").update(Action="secretsmanager:GetSecretValue", Resource={"Fn::GetAtt": ["VapidSecret", "Id"]})


@assertion(let_get_push_read_the_secret)
def only_who_is_told_of_the_secret_may_read_it(s):
    for name in s.functions:
        granted = {grant for grant in s.grants(name) if grant[0].startswith("secretsmanager:")}
        told = s.told_of(name, "SecretsManager::Secret")
        if granted != {("secretsmanager:GetSecretValue", secret) for secret in told}:
            yield name


@assertion(lambda s: s["AlarmTopicPolicy"]["PolicyDocument"]["Statement"][0].pop("Condition"))
def only_alarms_of_this_account_are_told_to_the_topic(s):
    for name, it in s.of("SNS::TopicPolicy").items():
        for one in it["PolicyDocument"]["Statement"]:
            from_here = one.get("Condition") == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
            alarms = one["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
            if not (from_here and alarms and one["Action"] == "sns:Publish"):
                yield name


def open_the_key(s):
    s["AlarmTopicKey"]["KeyPolicy"]["Statement"][1].update(Principal="*")


@assertion(open_the_key)
def the_key_of_the_topic_is_this_account_s_and_the_alarms(s):
    for name, it in s.of("KMS::Key").items():
        for one in it["KeyPolicy"]["Statement"]:
            owner = "AWS::AccountId" in references(one["Principal"])
            alarms = one["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
            few = set(listed(one["Action"])) <= {"kms:Decrypt", "kms:GenerateDataKey"}
            if not owner and not (alarms and few) or any("*" in action for action in listed(one["Action"])):
                yield name
