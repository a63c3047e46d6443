"""The operator who follows the runbook: the actions of the operator and of users, and access to their effects."""

import json
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ministack import ROOT, MiniStack
from runbook import Runbook
from stack import Stack
from users import new_password


def expect(what: str, found, wanted) -> None:
    """Ends the run if an effect is not as the runbook says."""
    if found != wanted:
        raise SystemExit(f"Runbook: {what}: {found!r}, not {wanted!r}")


class Operator:
    """The operator, with the runbook and clients of the stack's services."""

    def __init__(self, emulator: MiniStack, stack: Stack, runbook: Runbook) -> None:
        self.stack, self.runbook = stack, runbook
        self._url = emulator.url
        self._host = f"{stack.resources('AWS::ApiGateway::RestApi')['Api']}.execute-api.localhost:{emulator.port}"
        self._cognito = stack.client("cognito-idp")
        self._pool = stack.outputs["UserPoolId"]
        self._passwords: dict[str, str] = {}
        self._client = stack.outputs["UserPoolClientId"]

    def request(self, method: str, path: str, token: str, body: dict | None = None) -> tuple[int, dict]:
        """Sends a request with the token of a key or a user; returns the status and the body."""
        request = urllib.request.Request(
            f"{self._url}/v1{path}", method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Host": self._host, "Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.loads(response.read() or b"{}")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")

    def status(self, method: str, path: str, token: str, body: dict | None = None) -> int:
        return self.request(method, path, token, body)[0]

    def add_user(self, user: str) -> None:
        """Adds a user without an account, as after a first sign-in through another provider."""
        attributes = {"email": user, "email_verified": "true", "name": user.partition("@")[0]}
        self._cognito.admin_create_user(
            UserPoolId=self._pool, Username=user, MessageAction="SUPPRESS", TemporaryPassword=new_password(),
            UserAttributes=[{"Name": name, "Value": value} for name, value in attributes.items()],
        )

    def choose_password(self, user: str) -> None:
        """Sets a user's permanent password, as they do on the sign-in page."""
        self._passwords[user] = new_password()
        self._cognito.admin_set_user_password(
            UserPoolId=self._pool, Username=user, Password=self._passwords[user], Permanent=True
        )

    def sign_in(self, user: str) -> dict[str, str]:
        """Signs a user in; returns the tokens."""
        response = self._cognito.admin_initiate_auth(
            UserPoolId=self._pool, ClientId=self._client, AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": user, "PASSWORD": self._passwords[user]},
        )
        return response["AuthenticationResult"]

    def working_credentials(self, user: str, refresh_token: str) -> list[str]:
        """The credentials with which a user still gets tokens."""
        rejected = (self._cognito.exceptions.NotAuthorizedException, self._cognito.exceptions.UserNotFoundException)
        working = []
        for credential in ("password", "refresh token"):
            try:
                if credential == "password":
                    self.sign_in(user)
                else:
                    self._cognito.admin_initiate_auth(
                        UserPoolId=self._pool, ClientId=self._client, AuthFlow="REFRESH_TOKEN_AUTH",
                        AuthParameters={"REFRESH_TOKEN": refresh_token},
                    )
                working.append(credential)
            except rejected:
                pass
        return working

    def item(self, table: str, key: dict[str, str]) -> dict | None:
        """An item of a table of the stack."""
        tables = self.stack.resources("AWS::DynamoDB::Table")
        return self.stack.resource("dynamodb").Table(tables[table]).get_item(Key=key).get("Item")

    def logged(self, text: str) -> list[dict]:
        """The log lines of the stack that contain this text."""
        logs, lines = self.stack.client("logs"), []
        for group in self.stack.resources("AWS::Logs::LogGroup").values():
            for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
                lines += [json.loads(it["message"]) for it in page["events"] if text in it["message"]]
        return lines


@contextmanager
def push_service(address: str) -> Iterator[str]:
    """Runs a push service at an address that the stack may send to; yields its URL."""
    build = ["cargo", "build", "--quiet", "--locked", "--workspace", "--bin", "push-service"]
    subprocess.run(build, cwd=ROOT, check=True)
    port = address.rpartition(":")[2]
    program = subprocess.Popen([ROOT / "target/debug/push-service", "--port", port], stdout=subprocess.PIPE)
    try:
        if not program.stdout.readline().startswith(b"A push service listens"):
            raise SystemExit(f"no push service at {address}")
        yield f"http://{address}"
    finally:
        program.kill()
        program.wait()


class RejectHandler(BaseHTTPRequestHandler):
    """Rejects every push with a 400."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(400)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_) -> None:
        pass


@contextmanager
def rejecting_push_service(address: str) -> Iterator[str]:
    """Runs a push service that rejects every push; yields its URL."""
    host, _, port = address.rpartition(":")
    with ThreadingHTTPServer((host, int(port)), RejectHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{address}"
        finally:
            server.shutdown()


def until(what: str, holds, seconds: int = 60):
    """Waits until `holds` returns a true value, and returns it."""
    started = time.monotonic()
    while not (found := holds()):
        if time.monotonic() - started > seconds:
            raise SystemExit(f"Runbook: {what} did not happen in {seconds} s")
        time.sleep(0.2)
    return found
