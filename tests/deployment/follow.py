"""tools/trace-request: what became of one request, from the gateway to the push service, in the logs of a stack."""

import argparse
import sys
import time
from datetime import UTC, datetime, timedelta

import boto3

from ministack import ROOT
from stack import Stack

QUERY = ROOT / "infra/trace-request.query"
ENDED = {"Complete", "Failed", "Cancelled", "Timeout", "Unknown"}


def query_of(request_id: str) -> str:
    """The query in words of CloudWatch Logs Insights, for this request."""
    if not request_id.replace("-", "").isalnum():
        raise SystemExit(f"{request_id} is not the id of a request")
    return QUERY.read_text().replace("REQUEST_ID", request_id)


def follow(stack: Stack, request_id: str, hours: int) -> list[dict[str, str]]:
    """The rows that the query finds in all log groups of the stack in the last hours."""
    logs = stack.client("logs")
    now = datetime.now(UTC)
    started = logs.start_query(
        logGroupNames=sorted(stack.resources("AWS::Logs::LogGroup").values()),
        startTime=int((now - timedelta(hours=hours)).timestamp()),
        endTime=int((now + timedelta(minutes=1)).timestamp()),
        queryString=query_of(request_id),
    )
    while (found := logs.get_query_results(queryId=started["queryId"]))["status"] not in ENDED:
        time.sleep(0.2)
    if found["status"] != "Complete":
        raise SystemExit(f"the query ended as {found['status']}")
    # @ptr is where a row stands, not what it says.
    return [{each["field"]: each["value"] for each in row if each["field"] != "@ptr"} for row in found["results"]]


def main() -> bool:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stack", help="the stack's name")
    parser.add_argument("request_id", help="request_id of an answer")
    parser.add_argument("--hours", type=int, default=24, help="how far back to look (24)")
    arguments = parser.parse_args()
    rows = follow(Stack(arguments.stack, boto3.Session()), arguments.request_id, arguments.hours)
    for row in rows:
        print("  ".join(row.values()))
    if not rows:
        print(f"no log group of {arguments.stack} has {arguments.request_id}", file=sys.stderr)
    return bool(rows)


if __name__ == "__main__":
    sys.exit(not main())
