"""Starts MiniStack so that the authorizer and the function of a request get one request id, as from API Gateway.

MiniStack gives the authorizer none, and the functions reject a context that was made for another request. It also keeps a
parameter of type Number as text where CloudFormation makes it a number. On SIGUSR1, the emulator writes the stack of its
event loop into its log. This runs in the emulator's own virtual environment.
"""

import faulthandler
import signal
import uuid
from contextvars import ContextVar

from ministack.app import main
from ministack.services import apigateway_v1, lambda_svc

# The id of the request that the current task serves, from its authorizer to its function.
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)

invoke_authorizer = apigateway_v1._invoke_authorizer_lambda
build_event = apigateway_v1._build_lambda_event_v1
concurrency_limit = lambda_svc._sqs_esm_concurrency


async def invoke_authorizer_with_request_id(authorizer, event, *arguments):
    REQUEST_ID.set(str(uuid.uuid4()))
    event["requestContext"]["requestId"] = REQUEST_ID.get()
    return await invoke_authorizer(authorizer, event, *arguments)


def build_event_with_request_id(*arguments, **named):
    event = build_event(*arguments, **named)
    if REQUEST_ID.get():
        event["requestContext"]["requestId"] = REQUEST_ID.get()
        REQUEST_ID.set(None)
    return event


def concurrency_limit_of_a_number(esm, *arguments):
    scaling = esm.get("ScalingConfig") or {}
    if "MaximumConcurrency" in scaling:
        scaling["MaximumConcurrency"] = int(scaling["MaximumConcurrency"])
    return concurrency_limit(esm, *arguments)


apigateway_v1._invoke_authorizer_lambda = invoke_authorizer_with_request_id
apigateway_v1._build_lambda_event_v1 = build_event_with_request_id
lambda_svc._sqs_esm_concurrency = concurrency_limit_of_a_number

if __name__ == "__main__":
    # The thread of the event loop alone: of more than 100 threads, faulthandler leaves out the oldest.
    faulthandler.register(signal.SIGUSR1, all_threads=False)
    main()
