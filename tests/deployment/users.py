"""Two admins, two members and a stranger, signed in to as many fresh accounts as the suite needs, and removed again.

An ID token says which account its person had when he signed in. So five people are enough: each is given an account and
signed in, and then the next account.
"""

import secrets
import string
from collections.abc import Iterator
from contextlib import contextmanager

from stack import Stack

# As the tests name them: the account's name, and who is in it.
ACCOUNTS = {"acme": {"admin": "Ada", "member": "Max"}, "globex": {"admin": "Gina", "member": "Mona"}}
STRANGER = "Noah"
# More than tests that need a second account.
WITH_TWO_ACCOUNTS = 20


def new_password() -> str:
    """Drawn anew for each person, and of every kind of character that the pool asks for."""
    return "aA1!" + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(40))


class People:
    """The people of the suite in the stack's user pool."""

    def __init__(self, stack: Stack) -> None:
        self._cognito = stack.client("cognito-idp")
        self._pool = stack.outputs["UserPoolId"]
        self._run = secrets.token_hex(4)
        self._count = 0
        self._passwords: dict[str, str] = {}
        self._users: dict[str, dict[str, str]] = {}
        # The API takes tokens of the console's client alone.
        self._client = stack.outputs["UserPoolClientId"]
        self._stranger = ""

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

    def _join(self, user: str, account: str, role: str) -> None:
        self._cognito.admin_update_user_attributes(
            UserPoolId=self._pool,
            Username=user,
            UserAttributes=[{"Name": "custom:account", "Value": account}, {"Name": "custom:role", "Value": role}],
        )

    def _id_token(self, user: str) -> str:
        answer = self._cognito.admin_initiate_auth(
            UserPoolId=self._pool,
            ClientId=self._client,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": user, "PASSWORD": self._passwords[user]},
        )
        return answer["AuthenticationResult"]["IdToken"]

    def _join_all(self) -> None:
        for name, roles in ACCOUNTS.items():
            self._users[name] = {role: self._add(person) for role, person in roles.items()}
        self._stranger = self._add(STRANGER)

    def _fresh_account(self, name: str) -> dict[str, str]:
        self._count += 1
        account = {"id": f"{name}{self._run}{self._count}"}
        for role, user in self._users[name].items():
            self._join(user, account["id"], role)
            account[role] = self._id_token(user)
        return account

    def sign_in(self, tests: int) -> dict:
        """The part of a description that says who is who, with fresh accounts for so many tests."""
        if not self._users:
            self._join_all()
        counts = {"acme": tests, "globex": min(tests, WITH_TWO_ACCOUNTS)}
        accounts = {name: [self._fresh_account(name) for _ in range(count)] for name, count in counts.items()}
        return {"accounts": accounts, "nobody": self._id_token(self._stranger)}

    def remove(self) -> None:
        """Takes away what was made, as far as it was made."""
        for user in self._passwords:
            try:
                self._cognito.admin_delete_user(UserPoolId=self._pool, Username=user)
            except self._cognito.exceptions.UserNotFoundException:
                pass


@contextmanager
def people(stack: Stack) -> Iterator[People]:
    """The people of the suite, who are gone at the end, whatever happened."""
    them = People(stack)
    try:
        yield them
    finally:
        them.remove()
