"""The findings of cfn-lint and checkov that the template does not suppress, and suppressions that match no finding."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from translate import SOURCE, VARIANTS, resolve_conditions, source, translated

BESIDE = Path(sys.executable).parent
LIST = re.compile(r"ignore_checks: \[.*\]")
CHECKOV = BESIDE.parent.parent / "checkov" / "bin" / "checkov"


def suppressed(tool):
    """The suppressions of the template: the reason by the finding's id."""
    return source()["Metadata"]["Suppressions"][tool]


def run(*command):
    """Runs a linter and parses its JSON output."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout)
    except ValueError:
        printed = f"{done.stdout[:500]} {done.stderr[:2000]}"
        raise RuntimeError(f"{command[0]} failed with {done.returncode}: {printed}") from None


def unused_suppressions(tool, found):
    """The suppressions that match no finding."""
    unused = sorted(suppressed(tool).keys() - found)
    return [f"{tool}: the template suppresses {it}, which is not found" for it in unused]


def cfn_lint():
    """Runs cfn-lint at every level, on the source and on the translated template of each variant."""
    reasons = suppressed("cfn-lint")
    findings = []
    with tempfile.TemporaryDirectory() as folder:
        # The template's list is for direct runs of cfn-lint. Nothing is ignored here, to find unused suppressions.
        texts = {"source.yaml": LIST.sub("ignore_checks: []", SOURCE.read_text(encoding="utf-8"))}
        for variant, parameters in VARIANTS.items():
            plain = translated(source(), parameters)
            del plain["Metadata"]["cfn-lint"]
            texts[f"{variant}.json"] = json.dumps(plain)
        files = {name: Path(folder) / name for name in texts}
        for name, file in files.items():
            file.write_text(texts[name], encoding="utf-8")
            found = run(
                BESIDE / "cfn-lint", "--format", "json", "--include-checks", "I", "--regions", "eu-central-1",
                "--template", file,
            )
            findings += [(name, it["Rule"]["Id"], it["Location"]["Path"], it["Message"]) for it in found]
    remaining = [it for it in findings if it[1] not in reasons]
    print(f"cfn-lint: {len(remaining)} findings in {len(files)} templates; suppressed: {', '.join(reasons)}")
    ignored = source()["Metadata"]["cfn-lint"]["config"]["ignore_checks"]
    if set(ignored) != set(reasons):
        remaining.append(("source", "ignore_checks", ignored, "differs from the list of suppressions"))
    return [f"cfn-lint {it}" for it in remaining] + unused_suppressions("cfn-lint", {it[1] for it in findings})


def checkov():
    """Runs checkov on the resources of each variant."""
    reasons = suppressed("checkov")
    with tempfile.TemporaryDirectory() as folder:
        for variant, parameters in VARIANTS.items():
            file = Path(folder) / f"{variant}.json"
            template = resolve_conditions(translated(source(), parameters), parameters)
            file.write_text(json.dumps(template), encoding="utf-8")

        def scan(option):
            report = run(
                CHECKOV, "--directory", folder, "--framework", "cloudformation", "--skip-download", "--compact",
                "--output", "json", option, ",".join(reasons),
            )
            if report["summary"]["parsing_errors"]:
                raise RuntimeError("checkov cannot read the template")
            return report["summary"], report["results"]["failed_checks"]

        summary, failed = scan("--skip-check")
        _, suppressed_now = scan("--check")
    print(f"checkov: {summary['passed']} passed, {summary['failed']} failed; suppressed: {', '.join(reasons)}")
    found = [f"checkov {it['check_id']} {it['resource']}: {it['check_name']}" for it in failed]
    return found + unused_suppressions("checkov", {it["check_id"] for it in suppressed_now})
