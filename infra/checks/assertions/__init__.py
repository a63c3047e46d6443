"""The assertions about every stack that the template can create, by subject."""

from . import api, functions, gateway_responses, grants, operations, parameters, runbook, sign_in, storage

__all__ = [
    "api", "functions", "gateway_responses", "grants", "operations", "parameters", "runbook", "sign_in", "storage",
]
