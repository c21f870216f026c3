"""How the embedded service says no: one exception that carries the gRPC status of the answer.

Lives here: RequestError and a constructor for each status that the service uses.
Must not live here: the decision that a request is wrong, nor the sending of the answer.
"""

from collections.abc import Iterable

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

_STATUS_DETAILS_KEY = "grpc-status-details-bin"


class RequestError(Exception):
    """A request that is answered with a status other than OK. The client's fault, unless it is UNAVAILABLE.

    `trailing_metadata` is what gRPC sends beside code and text: error details, where a client reads them.
    """

    def __init__(self, code: grpc.StatusCode, text: str, trailing_metadata: tuple[tuple[str, bytes], ...] = ()) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.trailing_metadata = trailing_metadata


def invalid_argument(text: str) -> RequestError:
    """A value that no state of the service would make right."""
    return RequestError(grpc.StatusCode.INVALID_ARGUMENT, text)


def out_of_range(field: str, value: float, smallest: float, largest: float) -> RequestError:
    """A number outside its documented bounds, where the service has a code of its own for that."""
    text = f"The value for {field} is out of bounds. You passed {value:g}; it must be in {smallest:g}..{largest:g}."
    return RequestError(grpc.StatusCode.OUT_OF_RANGE, text)


def not_found(kind: str, name: str) -> RequestError:
    """A topic or subscription that does not exist, or exists no more."""
    return RequestError(grpc.StatusCode.NOT_FOUND, f"{kind} not found (resource={name}).")


def already_exists(kind: str, name: str) -> RequestError:
    """A name that is taken."""
    return RequestError(grpc.StatusCode.ALREADY_EXISTS, f"{kind} already exists (resource={name}).")


def failed_precondition(text: str) -> RequestError:
    """A request that the present configuration of its subscription forbids."""
    return RequestError(grpc.StatusCode.FAILED_PRECONDITION, text)


def unimplemented(feature: str) -> RequestError:
    """A feature of the real service whose silent absence would change what a subscriber sees."""
    text = f"The embedded Pub/Sub has no {feature}. Leave it out locally, or run against the real service."
    return RequestError(grpc.StatusCode.UNIMPLEMENTED, text)


def unavailable() -> RequestError:
    """The answer to whoever still waits when the server stops. Clients retry it."""
    return RequestError(grpc.StatusCode.UNAVAILABLE, "The embedded Pub/Sub is stopping.")


def exactly_once_failure(ack_ids: Iterable[str]) -> RequestError:
    """The answer to expired or repeated ack ids of an exactly-once subscription.

    The ErrorInfo names each id, because client libraries settle the ids that it does not name as successes.
    Source: https://cloud.google.com/pubsub/docs/exactly-once-delivery
    """
    info = error_details_pb2.ErrorInfo(
        reason="EXACTLY_ONCE_ACKID_FAILURE",
        domain="pubsub.googleapis.com",
        metadata=dict.fromkeys(ack_ids, "PERMANENT_FAILURE_INVALID_ACK_ID"),
    )
    details = any_pb2.Any()
    details.Pack(info)
    code = grpc.StatusCode.INVALID_ARGUMENT
    text = (
        "Some acknowledgement ids in the request were invalid. This could be because the acknowledgement ids "
        "have expired or the acknowledgement ids were malformed."
    )
    status = status_pb2.Status(code=code.value[0], message=text, details=[details])
    return RequestError(code, text, ((_STATUS_DETAILS_KEY, status.SerializeToString()),))
