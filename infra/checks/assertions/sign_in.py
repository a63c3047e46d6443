"""Sign-in: the user pool, its app client, and what identity providers and users may set."""

import re
from graphlib import CycleError, TopologicalSorter

from assertion import assertion
from stack import as_list, logical_id, references, text

SECRETS = {"client_id", "client_secret", "private_key"}

REFRESH, ADMIN_PASSWORD = "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH"

# Origins, and whether Cognito accepts them as redirect addresses.
ORIGINS = {
    "": True,
    "https://console.example.com": True, "https://console.example.com:8443": True, "http://localhost:3000": True,
    "http://localhost": True, "http://console.example.com": False, "http://localhost.example.com": False,
    "https://console.example.com/": False, "https://": False, "console.example.com": False,
}


@assertion(lambda s: s["UserPool"]["AdminCreateUserConfig"].update(AllowAdminCreateUserOnly=False))
def there_is_no_self_service_sign_up(s):
    if s["UserPool"]["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is not True:
        yield "UserPool"


@assertion(lambda s: s["UserPoolClient"]["WriteAttributes"].append("custom:role"))
def users_cannot_write_their_own_account_or_role(s):
    for name, it in s.of("Cognito::UserPoolClient").items():
        if any(attribute.startswith("custom:") for attribute in it.get("WriteAttributes", ["custom:"])):
            yield name


@assertion(lambda s: s["UserPoolClient"]["ReadAttributes"].remove("custom:account"))
def the_ID_token_contains_account_role_and_name(s):
    if not {"custom:account", "custom:role", "name"} <= set(s["UserPoolClient"]["ReadAttributes"]):
        yield "UserPoolClient"


@assertion(lambda s: s["UserPoolClient"]["ExplicitAuthFlows"].append(ADMIN_PASSWORD), variants=("off",))
def the_API_of_the_user_pool_takes_no_passwords(s):
    for name, it in s.of("Cognito::UserPoolClient").items():
        if it.get("ExplicitAuthFlows") != [REFRESH]:
            yield name


# The admin flow needs AWS credentials of the account, with which a caller could also set the password.
@assertion(lambda s: s["UserPoolClient"]["ExplicitAuthFlows"].append("ALLOW_USER_PASSWORD_AUTH"), variants=("on",))
def for_tests_password_sign_in_by_API_needs_AWS_credentials(s):
    for name, it in s.of("Cognito::UserPoolClient").items():
        if it.get("ExplicitAuthFlows") != [REFRESH, ADMIN_PASSWORD]:
            yield name


@assertion(lambda s: s.declared["AllowTestSignIn"].update(Default="true"))
def password_sign_in_by_API_is_off_by_default(s):
    if s.declared["AllowTestSignIn"]["Default"] != "false":
        yield "AllowTestSignIn"


@assertion(lambda s: s["UserPoolClient"]["AllowedOAuthFlows"].append("implicit"))
def no_token_is_passed_in_a_URL(s):
    for name, it in s.of("Cognito::UserPoolClient").items():
        if it.get("AllowedOAuthFlows") != ["code"]:
            yield name


@assertion(lambda s: s["UserPoolClient"]["CallbackURLs"].append("https://elsewhere.example/"))
def sign_in_redirects_to_the_console_only(s):
    for name, it in s.of("Cognito::UserPoolClient").items():
        other = [{"Fn::Sub": "${ConsoleOrigin}/v1/console"}] if s.parameters["ConsoleOrigin"] else []
        expected = [s.outputs["ConsoleUrl"]["Value"], *other]
        if it["CallbackURLs"] != expected or it["LogoutURLs"] != expected:
            yield name


def refer_to_the_app_client(s):
    s.environment("GetConsole")["SIGN_IN_CLIENT"] = {"Ref": "UserPoolClient"}
    # With a custom domain, the app client does not refer to the API.
    s["UserPoolClient"]["CallbackURLs"] = [{"Fn::Sub": "https://${Api}.example.com/v1/console"}]


# Neither the SAM transform nor cfn-lint reports a cycle, with which CloudFormation creates no stack.
@assertion(refer_to_the_app_client)
def no_resource_depends_on_itself(s):
    needs = {name: set(references(it)) | set(as_list(it.get("DependsOn", []))) for name, it in s.resources.items()}
    try:
        tuple(TopologicalSorter(needs).static_order())
    except CycleError as error:
        yield " → ".join(error.args[1])


@assertion(lambda s: s.declared["ConsoleOrigin"].update(AllowedPattern="https?://[^/\\s]+"))
def a_console_origin_is_a_valid_redirect_address(s):
    for origin, accepted in ORIGINS.items():
        if bool(re.fullmatch(s.declared["ConsoleOrigin"]["AllowedPattern"], origin)) != accepted:
            yield origin


@assertion(lambda s: s["UserPoolClient"].update(IdTokenValidity=24, TokenValidityUnits={"IdToken": "hours"}))
def tokens_expire_within_an_hour_and_sessions_within_a_day(s):
    seconds = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
    for name, it in s.of("Cognito::UserPoolClient").items():
        units = it["TokenValidityUnits"]
        for token, maximum in (("IdToken", 3600), ("AccessToken", 3600), ("RefreshToken", 86400)):
            unit = units.get(token, "days" if token == "RefreshToken" else "hours")
            if it[f"{token}Validity"] * seconds[unit] > maximum:
                yield f"{name} {token}"


@assertion(lambda s: s["UserPoolClient"].update(EnableTokenRevocation=False))
def refresh_tokens_can_be_revoked(s):
    for name, it in s.of("Cognito::UserPoolClient").items():
        if it.get("EnableTokenRevocation") is not True:
            yield name


@assertion(lambda s: s["UserPoolClient"].update(PreventUserExistenceErrors="LEGACY"))
def sign_in_does_not_reveal_whether_a_user_exists(s):
    for name, it in s.of("Cognito::UserPoolClient").items():
        if it.get("PreventUserExistenceErrors") != "ENABLED":
            yield name


@assertion(lambda s: s["UserPool"]["Policies"]["PasswordPolicy"].update(MinimumLength=8))
def passwords_have_at_least_14_characters(s):
    if s["UserPool"]["Policies"]["PasswordPolicy"]["MinimumLength"] < 14:
        yield "UserPool"


@assertion(lambda s: s["UserPool"].pop("UserAttributeUpdateSettings"))
def a_changed_email_address_must_be_verified(s):
    settings = s["UserPool"].get("UserAttributeUpdateSettings", {})
    if settings.get("AttributesRequireVerificationBeforeUpdate") != ["email"]:
        yield "UserPool"


def require_a_name(s):
    next(it for it in s["UserPool"]["Schema"] if it["Name"] == "name").update(Required=True)


@assertion(require_a_name)
def email_is_the_only_required_attribute(s):
    required = [it["Name"] for it in s["UserPool"]["Schema"] if it.get("Required")]
    if required != ["email"]:
        yield text(required)


@assertion(lambda s: s["Google"]["AttributeMapping"].update({"custom:account": "hd"}), variants=("on",))
def identity_providers_map_only_email_and_name(s):
    for name, it in s.of("Cognito::UserPoolIdentityProvider").items():
        if set(it["AttributeMapping"]) != {"email", "name"}:
            yield name


@assertion(lambda s: s["Apple"]["ProviderDetails"].update(private_key={"Ref": "AppleSecret"}), variants=("on",))
def client_secrets_stay_in_Secrets_Manager(s):
    for name, it in s.of("Cognito::UserPoolIdentityProvider").items():
        for detail in SECRETS & it["ProviderDetails"].keys():
            value = it["ProviderDetails"][detail]
            if not str(value.get("Fn::Sub")).startswith("{{resolve:secretsmanager:${"):
                yield f"{name} {detail}"


@assertion(lambda s: s["UserPoolClient"]["SupportedIdentityProviders"].pop(), variants=("on",))
def every_identity_provider_is_enabled_for_the_app_client(s):
    offered = {logical_id(it) for it in s["UserPoolClient"]["SupportedIdentityProviders"]}
    yield from s.of("Cognito::UserPoolIdentityProvider").keys() - offered
