"""The stack of infra/template.yaml: built for this machine, deployed with SAM, with its resources and outputs."""

import platform
import subprocess
from pathlib import Path

import boto3
from samtranslator.yaml_helper import yaml_parse

from ministack import ROOT, MiniStack

TEMPLATE = ROOT / "infra/template.yaml"
BUILT = ROOT / ".aws-sam/build"
SAM = ROOT / ".tools/venv/bin/sam"
ARCHITECTURE = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")


class Stack:
    """A deployed stack, reached with the credentials of `session`."""

    def __init__(self, name: str, session: boto3.Session, endpoint: str | None = None) -> None:
        self.name = name
        self._session = session
        self._endpoint = endpoint
        stacks = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}

    def client(self, service: str):
        """A boto3 client of a service."""
        return self._session.client(service, endpoint_url=self._endpoint)

    def resource(self, service: str):
        """A boto3 resource of a service."""
        return self._session.resource(service, endpoint_url=self._endpoint)

    def resources(self, kind: str) -> dict[str, str]:
        """The physical ids of the resources of this type, by logical id."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self.name)
        resources = (resource for page in pages for resource in page["StackResourceSummaries"])
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for resource in resources
            if resource["ResourceType"] == kind
        }


def build() -> None:
    """Builds every function for this machine's architecture."""
    subprocess.run([ROOT / "tools/build-debug"], check=True)


def deploy(emulator: MiniStack, name: str, parameters: dict[str, str]) -> Stack:
    """Deploys the build to the emulator, with the owner's command."""
    overrides = [f"{key}={value}" for key, value in ({"Architecture": ARCHITECTURE} | parameters).items()]
    command = [
        SAM, "deploy", "--template-file", BUILT / "template.yaml", "--stack-name", name, "--resolve-s3",
        "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-progressbar",
        "--parameter-overrides", *overrides,
    ]
    # In the emulator's folder, so that samconfig.toml does not apply.
    done = subprocess.run(command, cwd=emulator.folder, env=emulator.environment(), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"sam deploy failed:\n{done.stdout}\n{done.stderr}\n{emulator.log.read_text()}")
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-central-1")
    return Stack(name, session, emulator.url)


def push_hosts_with(addresses: list[str]) -> str:
    """The template's push hosts and these addresses of this machine."""
    known = yaml_parse(TEMPLATE.read_text())["Parameters"]["AllowedPushHosts"]["Default"]
    return ",".join([known, *(f"http://{address}" for address in addresses)])


def put_gateway_responses(stack: Stack) -> None:
    """Sets the gateway responses by the API, and deploys it again.

    On AWS the OpenAPI body of the API sets them; MiniStack does not read them there.
    """
    api = yaml_parse(TEMPLATE.read_text())["Resources"]["Api"]["Properties"]
    gateway = stack.client("apigateway")
    api_id = stack.resources("AWS::ApiGateway::RestApi")["Api"]
    for kind, response in api["GatewayResponses"].items():
        headers = response["ResponseParameters"]["Headers"]
        gateway.put_gateway_response(
            restApiId=api_id,
            responseType=kind,
            statusCode=response["StatusCode"],
            responseParameters={f"gatewayresponse.header.{name}": value for name, value in headers.items()},
            responseTemplates=response["ResponseTemplates"],
        )
    gateway.create_deployment(restApiId=api_id, stageName=api["StageName"])
