"""Starts MiniStack so that the authorizer and the function of a request get one request id, as from API Gateway.

MiniStack gives the authorizer none, and the functions reject a context that was made for another request. On SIGUSR1,
the emulator writes the stack of its event loop into its log. This runs in the emulator's own virtual environment.
"""

import faulthandler
import signal
import uuid
from contextvars import ContextVar

from ministack.app import main
from ministack.services import apigateway_v1

# The id of the request that the current task serves, from its authorizer to its function.
REQUEST_ID: ContextVar[str | None] = ContextVar("request_id", default=None)

invoke_authorizer = apigateway_v1._invoke_authorizer_lambda
build_event = apigateway_v1._build_lambda_event_v1


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


apigateway_v1._invoke_authorizer_lambda = invoke_authorizer_with_request_id
apigateway_v1._build_lambda_event_v1 = build_event_with_request_id

if __name__ == "__main__":
    # The thread of the event loop alone: of more than 100 threads, faulthandler leaves out the oldest.
    faulthandler.register(signal.SIGUSR1, all_threads=False)
    main()
