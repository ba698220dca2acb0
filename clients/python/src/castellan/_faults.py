"""Failures of a call → errors of the client, by the service's code where it named one, else by the status. Its words, and those of gRPC,
stay in `__cause__`. No I/O."""

from __future__ import annotations

import re
from collections.abc import Sequence

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from . import _limits
from .errors import (
    CallerDeniedError,
    CastellanError,
    FieldViolation,
    InvalidRequestError,
    UnauthenticatedError,
    UnavailableError,
)

# Of an error inside an answer, which has no status: those whose status would be UNAVAILABLE.
_TRIED_AGAIN = {"position_not_reached", "store_unavailable"}

_CODE_BY_STATUS = {
    grpc.StatusCode.UNAUTHENTICATED: "unauthenticated",
    grpc.StatusCode.PERMISSION_DENIED: "permission_denied",
    grpc.StatusCode.INVALID_ARGUMENT: "request_invalid",
    grpc.StatusCode.UNIMPLEMENTED: "route_not_found",
    grpc.StatusCode.UNAVAILABLE: "unreachable",
    grpc.StatusCode.DEADLINE_EXCEEDED: "deadline_exceeded",
    grpc.StatusCode.CANCELLED: "cancelled",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "overloaded",
}
_CODE = re.compile(r"[a-z][a-z_]{0,63}")
_KEY_HINT = "Check the key; an administrator makes keys with `castellan caller create`."
_SCOPE_HINT = "It needs the scope decide, and the tenant where it is limited to some: `castellan caller list`."
_ADDRESS_HINT = "Is it the address of the decision service, and as new as this client?"
_UNAVAILABLE = {
    "unreachable": "The decision service cannot be reached; nothing was decided.",
    "deadline_exceeded": "The decision service did not answer within the deadline; nothing was decided.",
    "cancelled": "The call was cancelled; nothing was decided.",
    "overloaded": "The decision service has too much to do; nothing was decided.",
    "position_not_reached": "The decision service does not know the position asked for yet; nothing was decided.",
    "closed": "The client is closed; nothing was decided.",
}


def fault_of_code(code: str, violations: Sequence[FieldViolation] = (), retry_after: float | None = None) -> CastellanError:
    """Whatever it does not know is unavailable: an error of another kind than was sent must never be taken for an answer."""
    if code in ("request_invalid", "body_too_large", "media_type_unsupported"):
        return InvalidRequestError("The question is wrong.", code=code, violations=violations[: _limits.VIOLATIONS_MAX])
    if code in ("unauthenticated", "login_refused"):
        return UnauthenticatedError("The service does not know the key of this application.", code=code, hint=_KEY_HINT)
    if code == "permission_denied":
        return CallerDeniedError("The key of this application may not ask this.", code=code, hint=_SCOPE_HINT)
    if code in ("route_not_found", "method_not_allowed", "bad_answer"):
        return UnavailableError("What answered is no decision; nothing was decided.", code=code, hint=_ADDRESS_HINT)
    known = code if _CODE.fullmatch(code) else "unknown"
    return UnavailableError(_UNAVAILABLE.get(code, f"The decision service could not decide ({known})."), code=known, retry_after=retry_after)


def fault_of_call(error: grpc.RpcError) -> tuple[CastellanError, bool]:
    """What it is for the application, and whether the same call may be tried again."""
    status = _ask(error, "code")
    if not isinstance(status, grpc.StatusCode):
        return fault_of_code("unknown"), False
    again = status is grpc.StatusCode.UNAVAILABLE
    code, violations, retry_after = _details_of(error)
    if code is None:
        return fault_of_code(_CODE_BY_STATUS.get(status, "unknown")), again
    return fault_of_code(code, violations, retry_after), again


def tried_again(fault: CastellanError) -> bool:
    """Of an error inside an answer, which has no status."""
    return isinstance(fault, UnavailableError) and fault.code in _TRIED_AGAIN


def bad_answer(what: str) -> CastellanError:
    """An answer that is none; `what` is for whoever looks for the cause."""
    fault = fault_of_code("bad_answer")
    fault.__cause__ = ValueError(what)
    return fault


def closed() -> CastellanError:
    """For whoever asks a closed client."""
    return fault_of_code("closed")


def _details_of(error: grpc.RpcError) -> tuple[str | None, list[FieldViolation], float | None]:
    code: str | None = None
    violations: list[FieldViolation] = []
    retry_after: float | None = None
    for name, value in _ask(error, "trailing_metadata") or ():  # type: ignore[attr-defined]
        if name != "grpc-status-details-bin" or not isinstance(value, bytes):
            continue
        try:
            for detail in status_pb2.Status.FromString(value).details:
                info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
                if detail.Unpack(info) and info.domain == "castellan":
                    code = info.reason.lower()
                elif detail.Unpack(bad):
                    violations += [FieldViolation(plain(each.field), plain(each.description)) for each in bad.field_violations]
                elif detail.Unpack(retry):
                    retry_after = max(0.0, retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9)
        except DecodeError:
            continue
    return code, violations, retry_after


def _ask(error: grpc.RpcError, name: str) -> object:
    """RpcError itself promises no method; those that calls raise have them."""
    method = getattr(error, name, None)
    return method() if callable(method) else None


def plain(text: str) -> str:
    """Ends up in terminals and logs: without control characters, and bounded."""
    return "".join(character if character.isprintable() else " " for character in text[: _limits.VIOLATION_CHARACTERS_MAX])
