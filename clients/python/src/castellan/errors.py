"""What can go wrong for who asks. A deny is a `DeniedError` only where the application said that it must be allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .decisions import Decision


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a question that cannot be as it is."""

    field: str
    message: str


class CastellanError(Exception):
    """Any failure of this client. Texts of a driver stay in `__cause__`, never in the message.

    `code` is one of the service (docs/errors.md), or `cancelled`, `deadline_exceeded`, `closed`, `unreachable`, `bad_answer` of
    the client itself. `hint` says what to do about it.
    """

    def __init__(self, message: str, *, code: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint

    def __str__(self) -> str:
        message = super().__str__()
        return message if self.hint is None else f"{message} {self.hint}"


class DeniedError(CastellanError):
    """Decided: no. Carries the decision, whose reason and id may be told."""

    def __init__(self, permission: str, decision: Decision) -> None:
        super().__init__(f"Denied: {permission} ({decision.reason}).", code="denied", hint=decision.hint)
        self.permission = permission
        self.decision = decision


class UnauthenticatedError(CastellanError):
    """Nobody that is known: the application's own key at the service, or, raised by a guard, whoever calls the application."""


class CallerDeniedError(CastellanError):
    """The application's key is known and may not ask this: a scope or a tenant is missing. No deny of the user."""


class UnavailableError(CastellanError):
    """Nothing was decided, and the same call may well succeed later. `retry_after` is in seconds, where the service named it."""

    def __init__(self, message: str, *, code: str, hint: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, code=code, hint=hint)
        self.retry_after = retry_after


class InvalidRequestError(CastellanError):
    """The question itself is wrong; the same one will never be answered. `violations` name the fields."""

    def __init__(self, message: str, *, code: str = "request_invalid", hint: str | None = None, violations: Sequence[FieldViolation] = ()) -> None:
        super().__init__(message, code=code, hint=hint)
        self.violations = tuple(violations)

    def __str__(self) -> str:
        fields = "; ".join(f"{violation.field} {violation.message}".strip() for violation in self.violations)
        return f"{super().__str__()} {fields}".strip()


def invalid(field: str, message: str, hint: str | None = None) -> InvalidRequestError:
    """One field is wrong, found before anything was sent."""
    return InvalidRequestError("The question is invalid:", hint=hint, violations=[FieldViolation(field, message)])
