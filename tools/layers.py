"""Checks the layers: what crates, folders and files may import. Then plants each offense and checks that it is found.

The rules:
  crates    a function needs neither another function nor what is only true on a laptop; `local` does not need `tests`;
            `push-service` shares no code with what it verifies
  folders   `shared` and `local` import only the folders in LAYERS; the domain knows no AWS and no HTTP
  store     attribute names and expressions are in shared/src/store alone
  files     no imports form a cycle, in any crate; `#[cfg(test)]` code is exempt
"""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import tree_sitter_rust
from tree_sitter import Language, Parser

ROOT = Path(__file__).parent.parent

# The folders that each folder may import, besides itself.
LAYERS = {
    "shared/src": {
        "domain": set(),
        "config": set(),
        "error": set(),
        "log": {"config", "domain"},
        "aws": {"config", "domain", "error"},
        "store": {"aws", "config", "domain"},
        "http": {"aws", "config", "domain", "error", "log", "store"},
    },
    "local/src": {
        "start_error": set(),
        "data_dir": {"start_error"},
        "server": {"start_error"},
        "template": {"start_error"},
        "page": set(),
        "oidc": {"page", "server", "start_error", "template"},
        "services": {"data_dir", "server", "start_error", "template"},
        "lambda": {"data_dir", "services", "start_error", "template"},
        "gateway": {"lambda", "oidc", "server", "start_error", "template"},
    },
}

# The external crates that a folder must not name.
FORBIDDEN = {
    "shared/src/domain": r"aws_(sdk|config|types|credential|smithy)\w*|lambda_\w+|reqwest",
    "shared/src/store": r"lambda_\w+|reqwest",
    "shared/src/aws": r"lambda_\w+|reqwest",
    "shared/src/http": r"aws_(sdk|config|types|credential|smithy)\w*|reqwest",
    "functions": r"aws_(sdk|config|types|credential|smithy)\w*",
}

# What `automod::dir!` declares: each file of the folder.
EVERY_FILE = "*"
LAPTOP = {"dynoxide-rs", "axum", "local", "push-service", "tests"}
STORE_ONLY = re.compile(rb'"(pk|sk)"|_expression\(')

parser = Parser(Language(tree_sitter_rust.language()))


def sources():
    """The tracked Rust files, by path."""
    listed = subprocess.check_output(["git", "ls-files", "*.rs"], cwd=ROOT, text=True).split()
    return {path: (ROOT / path).read_bytes() for path in listed if (ROOT / path).exists()}


def crate_graph():
    """The normal dependencies of each package, by name, and the names of all packages."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    metadata = json.loads(subprocess.check_output(command, cwd=ROOT))
    names = {package["id"]: package["name"] for package in metadata["packages"]}
    graph = {}
    for node in metadata["resolve"]["nodes"]:
        normal = [dep for dep in node["deps"] if any(kind["kind"] is None for kind in dep["dep_kinds"])]
        graph.setdefault(names[node["id"]], set()).update(names[dep["pkg"]] for dep in normal)
    return graph


def reachable(graph, start):
    found, queue = set(), [start]
    while queue:
        for name in graph[queue.pop()] - found:
            found.add(name)
            queue.append(name)
    return found


def check_crates(graph):
    functions = {f"pushgate-{path.name}" for path in (ROOT / "functions").iterdir()}
    for name in functions | LAPTOP | {"pushgate-shared"}:
        if name not in graph:
            yield f"there is no package {name}: the check would miss it"
    for crate in functions | {"pushgate-shared"}:
        needed = reachable(graph, crate)
        for other in sorted(needed & LAPTOP):
            yield f"{crate} needs {other}, which is only for a laptop"
        for other in sorted(needed & functions - {crate}):
            yield f"{crate} needs another function: {other}"
    if {"pushgate-shared"} & reachable(graph, "push-service"):
        yield "push-service needs pushgate-shared, whose encryption it verifies"
    if "tests" in reachable(graph, "local"):
        yield "local needs tests"


def is_test_only(node, source):
    """Whether an attribute before this item is `#[cfg(test)]`."""
    before = node.prev_sibling
    while before is not None and before.type in ("attribute_item", "line_comment"):
        if source[before.start_byte : before.end_byte].replace(b" ", b"").startswith(b"#[cfg(test)]"):
            return True
        before = before.prev_sibling
    return False


def use_paths(node, source, prefix=()):
    """The paths of a use tree."""
    text = lambda it: source[it.start_byte : it.end_byte].decode()
    if node.type == "use_as_clause":
        yield from use_paths(node.child_by_field_name("path"), source, prefix)
    elif node.type == "use_list":
        for child in node.named_children:
            yield from use_paths(child, source, prefix)
    elif node.type == "scoped_use_list":
        path = node.child_by_field_name("path")
        inner = prefix + (tuple(text(path).split("::")) if path else ())
        yield from use_paths(node.child_by_field_name("list"), source, inner)
    elif node.type == "use_wildcard":
        yield prefix + tuple(text(node.named_children[0]).split("::"))
    elif node.type not in ("line_comment", "block_comment"):
        yield prefix + tuple(text(node).split("::"))


@cache
def parse(source):
    """The paths that a file names outside test code, and the modules that it declares."""
    paths, modules = set(), set()
    queue = [parser.parse(source).root_node]
    while queue:
        node = queue.pop()
        if node.type == "mod_item" and node.child_by_field_name("body") is None:
            name = node.child_by_field_name("name")
            modules.add(source[name.start_byte : name.end_byte].decode())
        if is_test_only(node, source):
            continue
        if node.type == "macro_invocation" and source[node.start_byte :].startswith(b"automod::dir!"):
            modules.add(EVERY_FILE)
            continue
        if node.type == "use_declaration":
            paths.update(use_paths(node.child_by_field_name("argument"), source))
            continue
        if node.type in ("scoped_identifier", "scoped_type_identifier"):
            paths.add(tuple(re.sub(rb"\s", b"", source[node.start_byte : node.end_byte]).decode().split("::")))
            # The beginning of a path is not a path of its own, but its generic arguments are.
            queue.extend(child for child in node.children if child.type != "scoped_identifier")
            continue
        queue.extend(node.children)
    return frozenset(paths), frozenset(modules)


def submodules(files, path):
    """The names of the modules that a file declares."""
    names = parse(files[path])[1]
    if EVERY_FILE not in names:
        return names
    folder = path.rsplit("/", 1)[0]
    siblings = {name.removesuffix(".rs") for name in (it.removeprefix(f"{folder}/") for it in files) if "/" not in name}
    return names - {EVERY_FILE} | siblings - {"lib", "main", "mod"}


def crate_roots(files):
    """The root file of each target, with the folder of its modules."""
    for path in files:
        folder, name = path.rsplit("/", 1)
        if name in ("lib.rs", "main.rs") or path.startswith("tests/src/bin/"):
            yield path, folder


def module_files(files, root, folder):
    """The files of a target by module path."""
    found, queue = {(): root}, [((), folder)]
    while queue:
        module, place = queue.pop()
        for name in submodules(files, found[module]):
            for path, inner in ((f"{place}/{name}.rs", f"{place}/{name}"), (f"{place}/{name}/mod.rs", f"{place}/{name}")):
                if path in files:
                    found[(*module, name)] = path
                    queue.append(((*module, name), inner))
    return found


def imports(files, root, folder):
    """The imports between the files of a target, and the external crates that each names."""
    modules = module_files(files, root, folder)
    edges, external = {path: set() for path in modules.values()}, {path: set() for path in modules.values()}
    for module, path in modules.items():
        paths, declared = parse(files[path])[0], submodules(files, path)
        for segments in paths:
            first, base = segments[0], None
            rest = segments[1:]
            if first == "crate":
                base = ()
            elif first == "self":
                base = module
            elif first == "super":
                base = module[:-1]
                while rest and rest[0] == "super":
                    base, rest = base[:-1], rest[1:]
            elif first in declared:
                base, rest = module, segments
            if base is None:
                external[path].add(first)
                continue
            target = base
            for segment in rest:
                if (*target, segment) not in modules:
                    break
                target = (*target, segment)
            if modules[target] != path:
                edges[path].add(modules[target])
    return edges, external


def cycles(edges):
    """The strongly connected components of more than one file (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(edges.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            component = []
            while not component or component[-1] != node:
                component.append(stack.pop())
            if len(component) > 1:
                found.append(sorted(component))

    for node in sorted(edges):
        if node not in index:
            visit(node)
    return found


def check_files(files):
    for root, folder in crate_roots(files):
        edges, external = imports(files, root, folder)
        for cycle in cycles(edges):
            yield f"these files import each other: {', '.join(cycle)}"
        for base, layers in LAYERS.items():
            if folder != base or not root.endswith("/lib.rs"):
                continue
            part = lambda path: path.removeprefix(f"{base}/").split("/")[0].removesuffix(".rs")
            for path, others in edges.items():
                for other in others:
                    if part(path) in layers and part(other) not in layers[part(path)] | {part(path)}:
                        yield f"{path} imports {other}: {part(path)} may not import {part(other)}"
        for path, names in external.items():
            for place, forbidden in FORBIDDEN.items():
                for name in sorted(names):
                    if path.startswith(f"{place}/") and re.fullmatch(forbidden, name):
                        yield f"{path} names {name}"
    for path, source in files.items():
        if path.startswith(("shared/src/", "functions/", "local/src/")) and not path.startswith("shared/src/store/"):
            if STORE_ONLY.search(source):
                yield f"{path} has an attribute name or an expression, which belong to the store"


def check(files, graph):
    return [*check_crates(graph), *check_files(files)]


def planted(files, graph):
    """Offenses, each with the message that must report it."""

    def edit(path, line):
        assert path in files, path
        return {**files, path: files[path] + f"\n{line}\n".encode()}, graph

    def need(crate, other):
        return files, {**graph, crate: graph[crate] | {other}}

    yield "domain imports store", edit("shared/src/domain/key.rs", "use crate::store::Store;"), "may not import store"
    yield "domain imports http", edit("shared/src/domain/push.rs", "use crate::{config::Config, http::Problem};"), "may not import http"
    yield "domain names the SDK", edit("shared/src/domain/scope.rs", "use aws_sdk_dynamodb::Client;"), "names aws_sdk_dynamodb"
    yield "domain names HTTP", edit("shared/src/domain/scope.rs", "fn f(_: lambda_http::Request) {}"), "names lambda_http"
    yield "store imports http", edit("shared/src/store/keys.rs", "fn f() { crate::http::response::ok(&1); }"), "may not import http"
    yield "aws imports http", edit("shared/src/aws/cache.rs", "use crate::http::Problem;"), "may not import http"
    yield "log imports store", edit("shared/src/log/event.rs", "use super::super::store::Error;"), "may not import store"
    yield "http names the SDK", edit("shared/src/http/serve.rs", "use aws_sdk_sqs::Client;"), "names aws_sdk_sqs"
    yield "a function names the SDK", edit("functions/get-push/src/lib.rs", "use aws_sdk_dynamodb::Client;"), "names aws_sdk_dynamodb"
    yield "an attribute outside the store", edit("shared/src/http/views.rs", 'const KEY: &str = "pk";'), "belong to the store"
    yield "an expression in a function", edit("functions/get-push/src/lib.rs", "fn f() { q.filter_expression(1); }"), "belong to the store"
    yield "a cycle of two files", edit("shared/src/domain/channel.rs", "use crate::domain::scope::Scope;"), "import each other"
    yield "a child imports its parent", edit("functions/deliver/src/tally.rs", "fn f() { crate::handle; }"), "import each other"
    yield "a cycle in the suite's support", edit("tests/src/response.rs", "use crate::app::App;"), "import each other"
    yield "template imports gateway", edit("local/src/template/values.rs", "use crate::gateway::ACCESS_LOG_TARGET;"), "may not import gateway"
    yield "a function needs a function", need("pushgate-send-push", "pushgate-deliver"), "needs another function"
    yield "shared needs axum", need("pushgate-shared", "axum"), "only for a laptop"
    yield "push-service needs shared", need("push-service", "pushgate-shared"), "whose encryption it verifies"
    yield "local needs tests", need("local", "tests"), "local needs tests"


def main():
    files, graph = sources(), crate_graph()
    problems = check(files, graph)
    for problem in problems:
        print(f"layers: {problem}", file=sys.stderr)
    if problems:
        sys.exit(1)
    missed, offenses = [], list(planted(files, graph))
    for name, (changed, needs), message in offenses:
        if not any(message in problem for problem in check(changed, needs)):
            missed.append(name)
    for name in missed:
        print(f"layers: a planted offense was not found: {name}", file=sys.stderr)
    if missed:
        sys.exit(1)
    imported = sum(len(edges) for root in crate_roots(files) for edges in imports(files, *root)[0].values())
    print(f"layers: {len(files)} files, {imported} imports, 0 cycles; {len(offenses)} of {len(offenses)} planted offenses found")


if __name__ == "__main__":
    main()
