"""What cfn-lint and checkov find, less what the template says is left as it is. A reason without a need is wrong, too."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from translate import SOURCE, VARIANTS, existing, source, translated

BESIDE = Path(sys.executable).parent
LIST = re.compile(r"ignore_checks: \[.*\]")
CHECKOV = BESIDE.parent.parent / "checkov" / "bin" / "checkov"


def suppressed(tool):
    """The reasons of the template, by the finding's id."""
    return source()["Metadata"]["Suppressions"][tool]


def run(*command):
    """What a linter prints as JSON. It exits with 0 for no finding and with less than 32 for some."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise RuntimeError(f"{command[0]} failed with {done.returncode}: {done.stdout[:500]} {done.stderr[:2000]}") from None


def without_a_need(tool, needed):
    """The reasons that suppress nothing."""
    idle = sorted(suppressed(tool).keys() - needed)
    return [f"{tool}: the template gives a reason for {it}, which is not found" for it in idle]


def cfn_lint():
    """Every level, on the source and on what becomes of it with everything off and with everything on."""
    reasons = suppressed("cfn-lint")
    findings = []
    with tempfile.TemporaryDirectory() as folder:
        # The list in the template is for those who run cfn-lint by hand. Here all is looked at, and then judged.
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
    left = [it for it in findings if it[1] not in reasons]
    print(f"cfn-lint: {len(left)} findings in {len(files)} templates; suppressed with a reason: {', '.join(reasons)}")
    by_hand = source()["Metadata"]["cfn-lint"]["config"]["ignore_checks"]
    if set(by_hand) != set(reasons):
        left.append(("source", "ignore_checks", by_hand, "is not the list of reasons"))
    return [f"cfn-lint {it}" for it in left] + without_a_need("cfn-lint", {it[1] for it in findings})


def checkov():
    """On what exists with everything off and with everything on."""
    reasons = suppressed("checkov")
    with tempfile.TemporaryDirectory() as folder:
        for variant, parameters in VARIANTS.items():
            file = Path(folder) / f"{variant}.json"
            file.write_text(json.dumps(existing(translated(source(), parameters), parameters)), encoding="utf-8")

        def scan(option):
            report = run(
                CHECKOV, "--directory", folder, "--framework", "cloudformation", "--skip-download", "--compact",
                "--output", "json", option, ",".join(reasons),
            )
            if report["summary"]["parsing_errors"]:
                raise RuntimeError("checkov cannot read the template")
            return report["summary"], report["results"]["failed_checks"]

        summary, failed = scan("--skip-check")
        _, left = scan("--check")
    print(f"checkov: {summary['passed']} passed, {summary['failed']} failed; suppressed with a reason: {', '.join(reasons)}")
    found = [f"checkov {it['check_id']} {it['resource']}: {it['check_name']}" for it in failed]
    return found + without_a_need("checkov", {it["check_id"] for it in left})
