"""The operator with the manual in hand, and the people of the stack: what they can do, and what can be seen of it."""

import json
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from runbook import Manual
from ministack import ROOT, MiniStack
from users import new_password
from stack import Stack


def expect(what: str, found, wanted) -> None:
    """Ends the run if something is not as the manual says."""
    if found != wanted:
        raise SystemExit(f"Manual: {what}: {found!r}, not {wanted!r}")


class Operator:
    """The operator, with the manual in hand, and what is needed to see whether it was right."""

    def __init__(self, emulator: MiniStack, stack: Stack, manual: Manual) -> None:
        self.stack, self.manual = stack, manual
        self._url = emulator.url
        self._host = f"{stack.resources('AWS::ApiGateway::RestApi')['Api']}.execute-api.localhost:{emulator.port}"
        self._cognito = stack.client("cognito-idp")
        self._pool = stack.outputs["UserPoolId"]
        self._passwords: dict[str, str] = {}
        self._client = stack.outputs["UserPoolClientId"]

    def request(self, method: str, path: str, token: str, body: dict | None = None) -> tuple[int, dict]:
        """What the API answers to a key or a person."""
        request = urllib.request.Request(
            f"{self._url}/v1{path}", method=method, data=None if body is None else json.dumps(body).encode(),
            headers={"Host": self._host, "Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.loads(refusal.read() or b"{}")

    def status(self, method: str, path: str, token: str, body: dict | None = None) -> int:
        return self.request(method, path, token, body)[0]

    def adds(self, user: str) -> None:
        """Somebody is in the pool, and of no account: as after a first sign-in through another provider."""
        attributes = {"email": user, "email_verified": "true", "name": user.partition("@")[0]}
        self._cognito.admin_create_user(
            UserPoolId=self._pool, Username=user, MessageAction="SUPPRESS", TemporaryPassword=new_password(),
            UserAttributes=[{"Name": name, "Value": value} for name, value in attributes.items()],
        )

    def chooses_a_password(self, user: str) -> None:
        """As a person does on the sign-in page, with the temporary password of the letter."""
        self._passwords[user] = new_password()
        self._cognito.admin_set_user_password(
            UserPoolId=self._pool, Username=user, Password=self._passwords[user], Permanent=True
        )

    def signs_in(self, user: str) -> dict[str, str]:
        """The tokens of a person."""
        answer = self._cognito.admin_initiate_auth(
            UserPoolId=self._pool, ClientId=self._client, AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": user, "PASSWORD": self._passwords[user]},
        )
        return answer["AuthenticationResult"]

    def ways_in(self, user: str, refresh_token: str) -> list[str]:
        """The ways in which a person still gets tokens."""
        refused = (self._cognito.exceptions.NotAuthorizedException, self._cognito.exceptions.UserNotFoundException)
        ways = []
        for way in ("password", "refresh token"):
            try:
                if way == "password":
                    self.signs_in(user)
                else:
                    self._cognito.admin_initiate_auth(
                        UserPoolId=self._pool, ClientId=self._client, AuthFlow="REFRESH_TOKEN_AUTH",
                        AuthParameters={"REFRESH_TOKEN": refresh_token},
                    )
                ways.append(way)
            except refused:
                pass
        return ways

    def item(self, table: str, key: dict[str, str]) -> dict | None:
        """An item of one of the stack's tables."""
        tables = self.stack.resources("AWS::DynamoDB::Table")
        return self.stack.resource("dynamodb").Table(tables[table]).get_item(Key=key).get("Item")

    def logged(self, words: str) -> list[dict]:
        """The lines of the stack's logs with these words."""
        logs, lines = self.stack.client("logs"), []
        for group in self.stack.resources("AWS::Logs::LogGroup").values():
            for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
                lines += [json.loads(it["message"]) for it in page["events"] if words in it["message"]]
        return lines


@contextmanager
def push_service(address: str) -> Iterator[str]:
    """A push service that runs at an address which the stack may send to; its own address."""
    build = ["cargo", "build", "--quiet", "--locked", "-p", "tests", "--bin", "push-service"]
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


class Refusal(BaseHTTPRequestHandler):
    """What a push service answers to a push that it does not want."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(400)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_) -> None:
        pass


@contextmanager
def refusing_push_service(address: str) -> Iterator[str]:
    """One that refuses every push; its own address."""
    host, _, port = address.rpartition(":")
    with ThreadingHTTPServer((host, int(port)), Refusal) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{address}"
        finally:
            server.shutdown()


def until(what: str, holds, seconds: int = 60):
    """What `holds` answers, as soon as it is something."""
    began = time.monotonic()
    while not (found := holds()):
        if time.monotonic() - began > seconds:
            raise SystemExit(f"Manual: {what} did not happen in {seconds} s")
        time.sleep(0.2)
    return found
