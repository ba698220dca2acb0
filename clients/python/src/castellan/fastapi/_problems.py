"""Errors of the client → RFC 9457, for whoever called the application. As castellan/client answers them in TypeScript."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from starlette.responses import JSONResponse, Response
from starlette.websockets import WebSocket

from ..errors import CastellanError, DeniedError, InvalidRequestError, UnauthenticatedError, UnavailableError
from ._bearer import CREDENTIAL_CODES

RETRY_AFTER_SECONDS = 1
"""Where the service named no time: replicas are replaced within seconds."""
# RFC 6455, 7.4.1 and its registry: no right to it, and try again later.
_POLICY_VIOLATION, _TRY_AGAIN_LATER, _INTERNAL = 1008, 1013, 1011

_TOKEN_REASONS = {"TOKEN_INVALID": "token_invalid", "TOKEN_EXPIRED": "token_expired", "TOKEN_REVOKED": "token_revoked"}
_CREDENTIAL_DETAILS = {
    "credentials_missing": "An access token is needed.",
    "credentials_refused": "The credentials were refused.",
    "token_invalid": "The access token is not valid.",
    "token_expired": "The access token is over.",
    "token_revoked": "The session of the access token has ended.",
}
# Fields of a question that come from whoever calls; all others are the application's own.
_SUBJECT_FIELD = re.compile(r"(?:.*\.)?(?:user|tenant|access_token|accessToken)")


def answer_problems(
    app: FastAPI, *, tell_hints: bool = False, on_error: Callable[[CastellanError], None] | None = None
) -> None:
    """Answers errors of the client: 401 with WWW-Authenticate, 403 with reason and decisionId, 503 with Retry-After, 500 for mistakes.

    A mounted application answers its own errors: call it for that one too. `tell_hints`: whoever is denied is told the decision's hint,
    the policy's words for a condition, or "did you mean …". `on_error` hears what is answered with
    500 or 503, for the application's log: its own key, its own mistake, or nothing could be decided.
    """

    async def answer(connection: Any, fault: Exception) -> Response | None:
        if not isinstance(fault, CastellanError):
            raise fault
        body, headers = problem_of(fault, tell_hints)
        if on_error is not None and body["status"] >= 500:
            on_error(fault)
        if isinstance(connection, WebSocket):
            await connection.close(_close_code(body["status"]), body["title"])
            return None
        return JSONResponse(body, body["status"], headers, "application/problem+json")

    app.add_exception_handler(CastellanError, answer)  # type: ignore[arg-type]


def problem_of(fault: CastellanError, tell_hints: bool = False) -> tuple[dict[str, Any], dict[str, str]]:
    """Body and headers."""
    if isinstance(fault, DeniedError):
        told = {"reason": fault.decision.reason, "decisionId": fault.decision.decision_id}
        if tell_hints and fault.decision.hint is not None:
            told["hint"] = fault.decision.hint
        # A deny of the token itself says that nobody is known.
        code = _TOKEN_REASONS.get(fault.decision.reason)
        if code is not None:
            return _credential_problem(code, told)
        return _problem(403, "denied", "This is not allowed", "Whoever called may not do this.", told)
    if isinstance(fault, UnauthenticatedError) and fault.code in CREDENTIAL_CODES:
        return _credential_problem(fault.code, {})
    if isinstance(fault, UnavailableError):
        seconds = max(1, math.ceil(fault.retry_after or RETRY_AFTER_SECONDS))
        detail = "Whether this is allowed could not be decided. Try again later."
        return _problem(503, "unavailable", "Nothing could be decided", detail, {}, {"retry-after": str(seconds)})
    violations = fault.violations if isinstance(fault, InvalidRequestError) else ()
    if violations and all(_SUBJECT_FIELD.fullmatch(violation.field) for violation in violations):
        detail = "The user or tenant of this request is not one that can be asked about."
        return _problem(400, "request_invalid", "The request is invalid", detail)
    return _problem(500, "internal", "Something failed inside", "Something failed inside; nothing was decided.")


def _credential_problem(code: str, told: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    detail = _CREDENTIAL_DETAILS[code]
    error = CREDENTIAL_CODES[code]
    # RFC 6750, 3.1: who brought nothing is told no error.
    challenge = "Bearer" if error is None else f'Bearer error="{error}", error_description="{detail}"'
    return _problem(401, code, "Who calls is unknown", detail, told, {"www-authenticate": challenge})


def _problem(
    status: int, code: str, title: str, detail: str, told: dict[str, str] | None = None, headers: dict[str, str] | None = None
) -> tuple[dict[str, Any], dict[str, str]]:
    body: dict[str, Any] = {"type": f"urn:castellan:problem:{code}", "title": title, "status": status, "detail": detail, "code": code}
    return {**body, **(told or {})}, {"cache-control": "no-store", "x-content-type-options": "nosniff", **(headers or {})}


def _close_code(status: int) -> int:
    return _TRY_AGAIN_LATER if status == 503 else _INTERNAL if status == 500 else _POLICY_VIOLATION
