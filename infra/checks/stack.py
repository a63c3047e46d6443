"""The stack that a set of parameters creates, which the assertions inspect and their mutants change."""

import copy
import json

from translate import VARIANTS, resolve_conditions, source, translated


class Stack:
    """The translated template of one variant, with all conditions resolved."""

    def __init__(self, variant, parameters, template):
        self.variant = variant
        self.parameters = {name: it.get("Default", "") for name, it in template["Parameters"].items()} | parameters
        self.declared = template["Parameters"]
        self.resources = template["Resources"]
        self.outputs = template["Outputs"]

    @classmethod
    def of_variant(cls, name):
        parameters = VARIANTS[name]
        return cls(name, parameters, resolve_conditions(translated(source(), parameters), parameters))

    def copy(self):
        return copy.deepcopy(self)

    def __getitem__(self, name):
        """The properties of one resource."""
        return self.resources[name]["Properties"]

    def of(self, kind):
        """The properties of all resources of a type, by logical id."""
        found = self.resources.items()
        return {name: it["Properties"] for name, it in found if it["Type"] == f"AWS::{kind}"}

    def kind(self, name):
        return self.resources.get(name, {}).get("Type", "")

    def value(self, value):
        """Resolves a reference to a parameter; returns any other value unchanged."""
        if isinstance(value, dict) and value.get("Ref") in self.parameters:
            return self.parameters[value["Ref"]]
        return value

    @property
    def body(self):
        """The OpenAPI document of the API."""
        return self["Api"]["Body"]

    @property
    def routes(self):
        """The routes of the API by `METHOD /path`."""
        paths = self.body["paths"].items()
        return {f"{method.upper()} {path}": it for path, methods in paths for method, it in methods.items()}

    @property
    def responses(self):
        """The gateway responses by type."""
        return self.body["x-amazon-apigateway-gateway-responses"]

    @property
    def functions(self):
        return self.of("Lambda::Function")

    def function_of(self, role):
        """The function that has this role."""
        return next((name for name, it in self.functions.items() if logical_id(it["Role"]) == role), None)

    def environment(self, function):
        return self[function]["Environment"]["Variables"]

    def statements(self, function):
        """The policy statements of a function's role."""
        policies = self[logical_id(self[function]["Role"])].get("Policies", [])
        return [it for policy in policies for it in policy["PolicyDocument"]["Statement"]]

    def grants(self, function):
        """The grants of a function's role: pairs of action and the resource's logical id."""
        every = self.statements(function)
        return {(action, logical_id(it["Resource"])) for it in every for action in as_list(it["Action"])}

    def resources_in_environment(self, function, kind):
        """The resources of a type that a function's environment variables reference."""
        names = map(logical_id, self.environment(function).values())
        return {name for name in names if self.kind(name) == f"AWS::{kind}"}

    def alarm_metrics(self, alarm):
        """The metrics that an alarm watches: namespace, name and dimensions of each."""
        alarm = self[alarm]
        if "Metrics" in alarm:
            metrics = [it["MetricStat"]["Metric"] for it in alarm["Metrics"] if "MetricStat" in it]
        else:
            metrics = [alarm]
        for metric in metrics:
            dimensions = {it["Name"]: it["Value"] for it in metric.get("Dimensions", [])}
            yield metric["Namespace"], metric["MetricName"], dimensions


def as_list(value):
    """The value as a list: IAM allows a single item in place of a list of one."""
    return value if isinstance(value, list) else [value]


def logical_id(value):
    """The logical id in a `Ref`, a `Fn::GetAtt` or the first variable of a `Fn::Sub`; `None` for other values."""
    match value:
        case {"Ref": name}:
            return name
        case {"Fn::GetAtt": [name, *_]}:
            return name
        case {"Fn::Sub": str(text)} if "${" in text:
            return text.split("${")[1].split("}")[0].split(".")[0]
    return None


def references(value):
    """Every logical id and pseudo parameter that is referenced anywhere in the value."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        if set(value) == {"Fn::Sub"}:
            text, own = value["Fn::Sub"] if isinstance(value["Fn::Sub"], list) else (value["Fn::Sub"], {})
            names = {part.split("}")[0].split(".")[0] for part in text.split("${")[1:]}
            yield from names - set(own)
            yield from references(list(own.values()))
        elif logical_id(value):
            yield logical_id(value)
        else:
            yield from references(list(value.values()))


def strings(value):
    """Every string in the value, without keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


def text(value):
    """The value as JSON text."""
    return json.dumps(value, sort_keys=True)
