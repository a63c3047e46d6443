"""Five users, signed in to as many unused accounts as the suite needs, and removed at the end.

An ID token contains the account that its user had at the sign-in. So five users are enough: each gets an account and
signs in, then gets the next account.
"""

import secrets
import string
from collections.abc import Iterator
from contextlib import contextmanager

from stack import Stack

# The accounts by the names that the tests use, with the names of their users.
ACCOUNTS = {"acme": {"admin": "Ada", "member": "Max"}, "globex": {"admin": "Gina", "member": "Mona"}}
WITHOUT_ACCOUNT = "Noah"
# At least the number of tests that need a second account.
WITH_TWO_ACCOUNTS = 20


def new_password() -> str:
    """A random password with every kind of character that the user pool requires."""
    return "aA1!" + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(40))


class Users:
    """The users of the suite in the stack's user pool."""

    def __init__(self, stack: Stack) -> None:
        self._cognito = stack.client("cognito-idp")
        self._pool = stack.outputs["UserPoolId"]
        self._run = secrets.token_hex(4)
        self._count = 0
        self._passwords: dict[str, str] = {}
        self._users: dict[str, dict[str, str]] = {}
        # The API accepts only tokens of the console's client.
        self._client = stack.outputs["UserPoolClientId"]
        self._another_client = ""
        self._without_account = ""

    def _add(self, name: str) -> str:
        user = f"{name.lower()}-{self._run}@suite.example.com"
        self._passwords[user] = new_password()
        self._cognito.admin_create_user(
            UserPoolId=self._pool,
            Username=user,
            TemporaryPassword=self._passwords[user],
            MessageAction="SUPPRESS",
            UserAttributes=[
                {"Name": "email", "Value": user},
                {"Name": "email_verified", "Value": "true"},
                {"Name": "name", "Value": name},
            ],
        )
        self._cognito.admin_set_user_password(
            UserPoolId=self._pool, Username=user, Password=self._passwords[user], Permanent=True
        )
        return user

    def _set_account(self, user: str, account: str, role: str) -> None:
        self._cognito.admin_update_user_attributes(
            UserPoolId=self._pool,
            Username=user,
            UserAttributes=[{"Name": "custom:account", "Value": account}, {"Name": "custom:role", "Value": role}],
        )

    def _id_token(self, user: str, client: str) -> str:
        response = self._cognito.admin_initiate_auth(
            UserPoolId=self._pool,
            ClientId=client,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": user, "PASSWORD": self._passwords[user]},
        )
        return response["AuthenticationResult"]["IdToken"]

    def _add_all(self) -> None:
        if self._users:
            return
        for name, roles in ACCOUNTS.items():
            self._users[name] = {role: self._add(user) for role, user in roles.items()}
        self._without_account = self._add(WITHOUT_ACCOUNT)
        client = self._cognito.create_user_pool_client(
            UserPoolId=self._pool,
            ClientName=f"suite-{self._run}",
            ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
            # As on every app client of this user pool: only an operator sets the account and the role.
            WriteAttributes=["email", "name"],
        )
        self._another_client = client["UserPoolClient"]["ClientId"]

    def _unused_account(self, name: str) -> dict[str, str]:
        self._count += 1
        account = {"id": f"{name}{self._run}{self._count}"}
        for role, user in self._users[name].items():
            self._set_account(user, account["id"], role)
            account[role] = self._id_token(user, self._client)
        return account

    def sign_in(self, tests: int) -> dict:
        """The part of a deployment config with the accounts and tokens: unused accounts for this many tests."""
        self._add_all()
        counts = {"acme": tests, "globex": min(tests, WITH_TWO_ACCOUNTS)}
        accounts = {name: [self._unused_account(name) for _ in range(count)] for name, count in counts.items()}
        return {
            "accounts": accounts,
            "nobody": self._id_token(self._without_account, self._client),
            "another_client": self._id_token(self._users["acme"]["admin"], self._another_client),
        }

    def browser_users(self) -> dict[str, dict[str, str]]:
        """The users of a new account as the console's checks name them, each with its password and an ID token."""
        self._add_all()
        account = self._unused_account("acme")
        named = {f"{role}@acme": (user, account[role]) for role, user in self._users["acme"].items()}
        named["nobody@nowhere"] = (self._without_account, self._id_token(self._without_account, self._client))
        return {
            name: {"username": user, "password": self._passwords[user], "token": token}
            for name, (user, token) in named.items()
        }

    def remove(self) -> None:
        """Removes every user and the app client that were created."""
        for user in self._passwords:
            try:
                self._cognito.admin_delete_user(UserPoolId=self._pool, Username=user)
            except self._cognito.exceptions.UserNotFoundException:
                pass
        if self._another_client:
            self._cognito.delete_user_pool_client(UserPoolId=self._pool, ClientId=self._another_client)


@contextmanager
def suite_users(stack: Stack) -> Iterator[Users]:
    """The users of the suite; they are removed at the end, also after an error."""
    users = Users(stack)
    try:
        yield users
    finally:
        users.remove()
