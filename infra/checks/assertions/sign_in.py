"""How people sign in, and what no provider and no person may decide."""

import re

from assertion import assertion
from stack import target, text

SECRETS = {"client_id", "client_secret", "private_key"}

# Who may call the second one has credentials of the account, and could set a password as well.
FLOWS = {"ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH"}

# Addresses, and whether Cognito returns to them.
ORIGINS = {
    "https://console.example.com": True, "https://console.example.com:8443": True, "http://localhost:3000": True,
    "http://localhost": True, "http://console.example.com": False, "http://localhost.example.com": False,
    "https://console.example.com/": False, "https://": False, "console.example.com": False,
}


@assertion(lambda s: s["UserPool"]["AdminCreateUserConfig"].update(AllowAdminCreateUserOnly=False))
def nobody_signs_up_by_himself(s):
    if s["UserPool"]["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is not True:
        yield "UserPool"


@assertion(lambda s: s["UserPoolClient"]["WriteAttributes"].append("custom:role"))
def nobody_writes_his_own_account_or_role(s):
    for name, it in s.of("Cognito::UserPoolClient").items():
        if any(attribute.startswith("custom:") for attribute in it.get("WriteAttributes", ["custom:"])):
            yield name


@assertion(lambda s: s["UserPoolClient"]["ReadAttributes"].remove("custom:account"))
def the_token_says_whose_account_it_is(s):
    if not {"custom:account", "custom:role", "name"} <= set(s["UserPoolClient"]["ReadAttributes"]):
        yield "UserPoolClient"


@assertion(lambda s: s["UserPoolClient"]["ExplicitAuthFlows"].append("ALLOW_USER_PASSWORD_AUTH"))
def no_program_sends_a_password_without_credentials_of_the_account(s):
    for name, it in s.of("Cognito::UserPoolClient").items():
        if set(it.get("ExplicitAuthFlows", [])) != FLOWS:
            yield name


@assertion(lambda s: s["UserPoolClient"]["AllowedOAuthFlows"].append("implicit"))
def no_token_stands_in_an_address(s):
    for name, it in s.of("Cognito::UserPoolClient").items():
        if it.get("AllowedOAuthFlows") != ["code"]:
            yield name


@assertion(lambda s: s["UserPoolClient"]["CallbackURLs"].append("https://elsewhere.example/"))
def sign_in_returns_to_the_console_alone(s):
    for name, it in s.of("Cognito::UserPoolClient").items():
        if it["CallbackURLs"] + it["LogoutURLs"] != [{"Fn::Sub": "${ConsoleOrigin}/"}] * 2:
            yield name


@assertion(lambda s: s.declared["ConsoleOrigin"].update(AllowedPattern="https?://[^/\\s]+"))
def the_console_is_where_Cognito_returns_to(s):
    for origin, returns in ORIGINS.items():
        if bool(re.fullmatch(s.declared["ConsoleOrigin"]["AllowedPattern"], origin)) != returns:
            yield origin


@assertion(lambda s: s["UserPoolClient"].update(IdTokenValidity=24, TokenValidityUnits={"IdToken": "hours"}))
def a_token_is_good_for_an_hour_and_a_sign_in_for_a_day_at_most(s):
    seconds = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
    for name, it in s.of("Cognito::UserPoolClient").items():
        units = it["TokenValidityUnits"]
        for token, longest in (("IdToken", 3600), ("AccessToken", 3600), ("RefreshToken", 86400)):
            unit = units.get(token, "days" if token == "RefreshToken" else "hours")
            if it[f"{token}Validity"] * seconds[unit] > longest:
                yield f"{name} {token}"


@assertion(lambda s: s["UserPoolClient"].update(EnableTokenRevocation=False))
def a_sign_in_can_be_revoked(s):
    for name, it in s.of("Cognito::UserPoolClient").items():
        if it.get("EnableTokenRevocation") is not True:
            yield name


@assertion(lambda s: s["UserPoolClient"].update(PreventUserExistenceErrors="LEGACY"))
def sign_in_does_not_tell_who_exists(s):
    for name, it in s.of("Cognito::UserPoolClient").items():
        if it.get("PreventUserExistenceErrors") != "ENABLED":
            yield name


@assertion(lambda s: s["UserPool"]["Policies"]["PasswordPolicy"].update(MinimumLength=8))
def a_password_is_long(s):
    if s["UserPool"]["Policies"]["PasswordPolicy"]["MinimumLength"] < 14:
        yield "UserPool"


@assertion(lambda s: s["UserPool"].pop("UserAttributeUpdateSettings"))
def an_address_counts_once_it_is_verified(s):
    settings = s["UserPool"].get("UserAttributeUpdateSettings", {})
    if settings.get("AttributesRequireVerificationBeforeUpdate") != ["email"]:
        yield "UserPool"


def require_a_name(s):
    next(it for it in s["UserPool"]["Schema"] if it["Name"] == "name").update(Required=True)


@assertion(require_a_name)
def who_comes_from_a_provider_needs_an_address_and_no_name(s):
    required = [it["Name"] for it in s["UserPool"]["Schema"] if it.get("Required")]
    if required != ["email"]:
        yield text(required)


@assertion(lambda s: s["Google"]["AttributeMapping"].update({"custom:account": "hd"}), variants=("on",))
def a_provider_says_who_somebody_is_never_what_he_may_do(s):
    for name, it in s.of("Cognito::UserPoolIdentityProvider").items():
        if set(it["AttributeMapping"]) != {"email", "name"}:
            yield name


@assertion(lambda s: s["Apple"]["ProviderDetails"].update(private_key={"Ref": "AppleSecret"}), variants=("on",))
def the_secrets_of_providers_stay_in_Secrets_Manager(s):
    for name, it in s.of("Cognito::UserPoolIdentityProvider").items():
        for detail in SECRETS & it["ProviderDetails"].keys():
            value = it["ProviderDetails"][detail]
            if not str(value.get("Fn::Sub")).startswith("{{resolve:secretsmanager:${"):
                yield f"{name} {detail}"


@assertion(lambda s: s["UserPoolClient"]["SupportedIdentityProviders"].pop(), variants=("on",))
def every_provider_is_offered_at_sign_in(s):
    offered = {target(it) for it in s["UserPoolClient"]["SupportedIdentityProviders"]}
    yield from s.of("Cognito::UserPoolIdentityProvider").keys() - offered
