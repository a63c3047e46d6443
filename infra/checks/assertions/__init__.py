"""What must hold for every stack that this template makes, by subject."""

from . import api, answers, functions, grants, operations, options, people, storage

__all__ = ["answers", "api", "functions", "grants", "operations", "options", "people", "storage"]
