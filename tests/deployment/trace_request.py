"""tools/trace-request: prints the log lines of one request in a stack, from the gateway to the push service."""

import argparse
import sys
import time
from datetime import UTC, datetime, timedelta

import boto3

from ministack import ROOT
from stack import Stack

QUERY = ROOT / "infra/trace-request.query"
FINAL = {"Complete", "Failed", "Cancelled", "Timeout", "Unknown"}


def query_of(request_id: str) -> str:
    """The CloudWatch Logs Insights query for this request."""
    if not request_id.replace("-", "").isalnum():
        raise SystemExit(f"{request_id} is not a request id")
    return QUERY.read_text().replace("REQUEST_ID", request_id)


def trace(stack: Stack, request_id: str, hours: int) -> list[dict[str, str]]:
    """The rows that the query selects from all log groups of the stack in the last hours."""
    logs = stack.client("logs")
    now = datetime.now(UTC)
    started = logs.start_query(
        logGroupNames=sorted(stack.resources("AWS::Logs::LogGroup").values()),
        startTime=int((now - timedelta(hours=hours)).timestamp()),
        endTime=int((now + timedelta(minutes=1)).timestamp()),
        queryString=query_of(request_id),
    )
    while (found := logs.get_query_results(queryId=started["queryId"]))["status"] not in FINAL:
        time.sleep(0.2)
    if found["status"] != "Complete":
        raise SystemExit(f"the query has the status {found['status']}")
    # @ptr is the position of a row, not a part of its text.
    return [{each["field"]: each["value"] for each in row if each["field"] != "@ptr"} for row in found["results"]]


def main() -> bool:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stack", help="the stack's name")
    parser.add_argument("request_id", help="the request_id of a response")
    parser.add_argument("--hours", type=int, default=24, help="how far back to look (24)")
    arguments = parser.parse_args()
    rows = trace(Stack(arguments.stack, boto3.Session()), arguments.request_id, arguments.hours)
    for row in rows:
        print("  ".join(row.values()))
    if not rows:
        print(f"no log group of {arguments.stack} has {arguments.request_id}", file=sys.stderr)
    return bool(rows)


if __name__ == "__main__":
    sys.exit(not main())
