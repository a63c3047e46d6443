"""A stack as it would exist with a set of parameters: what the assertions look at, and what their mutants change."""

import copy
import json

from translate import VARIANTS, existing, source, translated


class Stack:
    """The decided, plain template of one variant."""

    def __init__(self, variant, parameters, template):
        self.variant = variant
        self.parameters = {name: it.get("Default", "") for name, it in template["Parameters"].items()} | parameters
        self.declared = template["Parameters"]
        self.resources = template["Resources"]
        self.outputs = template["Outputs"]

    @classmethod
    def of_variant(cls, name):
        parameters = VARIANTS[name]
        return cls(name, parameters, existing(translated(source(), parameters), parameters))

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

    def value(self, given):
        """What a reference to a parameter stands for; anything else as it is."""
        if isinstance(given, dict) and given.get("Ref") in self.parameters:
            return self.parameters[given["Ref"]]
        return given

    @property
    def body(self):
        """The API in OpenAPI."""
        return self["Api"]["Body"]

    @property
    def routes(self):
        """Each route of the API, by `METHOD /path`."""
        paths = self.body["paths"].items()
        return {f"{method.upper()} {path}": it for path, methods in paths for method, it in methods.items()}

    @property
    def responses(self):
        """The gateway's own answers, by type."""
        return self.body["x-amazon-apigateway-gateway-responses"]

    @property
    def functions(self):
        return self.of("Lambda::Function")

    def function_of(self, role):
        """The function that has this role."""
        return next((name for name, it in self.functions.items() if target(it["Role"]) == role), None)

    def environment(self, function):
        return self[function]["Environment"]["Variables"]

    def statements(self, function):
        """What the role of a function allows."""
        policies = self[target(self[function]["Role"])].get("Policies", [])
        return [it for policy in policies for it in policy["PolicyDocument"]["Statement"]]

    def grants(self, function):
        """Each action that a function may take, with the logical id of what it may take it on."""
        every = self.statements(function)
        return {(action, target(it["Resource"])) for it in every for action in listed(it["Action"])}

    def told_of(self, function, kind):
        """The resources of a type that a function's environment names."""
        return {target(it) for it in self.environment(function).values() if self.kind(target(it)) == f"AWS::{kind}"}

    def alarm_metrics(self, alarm):
        """The metrics that an alarm looks at, each with its namespace, name and dimensions."""
        alarm = self[alarm]
        if "Metrics" in alarm:
            metrics = [it["MetricStat"]["Metric"] for it in alarm["Metrics"] if "MetricStat" in it]
        else:
            metrics = [alarm]
        for metric in metrics:
            dimensions = {it["Name"]: it["Value"] for it in metric.get("Dimensions", [])}
            yield metric["Namespace"], metric["MetricName"], dimensions


def listed(value):
    """The items of a list, or the one that stands in its place."""
    return value if isinstance(value, list) else [value]


def target(value):
    """The logical id that a reference names: `Ref`, `Fn::GetAtt`, or the first of a `Fn::Sub`; nothing for other values."""
    match value:
        case {"Ref": name}:
            return name
        case {"Fn::GetAtt": [name, *_]}:
            return name
        case {"Fn::Sub": str(text)} if "${" in text:
            return text.split("${")[1].split("}")[0].split(".")[0]
    return None


def references(value):
    """Every logical id and pseudo parameter that is named anywhere within."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        if set(value) == {"Fn::Sub"}:
            text, own = value["Fn::Sub"] if isinstance(value["Fn::Sub"], list) else (value["Fn::Sub"], {})
            names = {part.split("}")[0].split(".")[0] for part in text.split("${")[1:]}
            yield from names - set(own)
            yield from references(list(own.values()))
        elif target(value):
            yield target(value)
        else:
            yield from references(list(value.values()))


def strings(value):
    """Every text within, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings(item)


def text(value):
    """A value as JSON, to search in."""
    return json.dumps(value, sort_keys=True)
