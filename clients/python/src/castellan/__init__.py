"""Client of the Castellan authorization service: `client.can("finance.read", user=…, tenant=…)`."""

from .aio import AsyncBoundClient, AsyncClient
from ._channel import Tls
from .client import BoundClient, Client
from .decisions import Decision, HeldPermission, PermissionList
from .errors import (
    CallerDeniedError,
    CastellanError,
    DeniedError,
    FieldViolation,
    InvalidRequestError,
    UnauthenticatedError,
    UnavailableError,
)
from .questions import Question, Resource, Subject, Wanted

__all__ = [
    "AsyncBoundClient",
    "AsyncClient",
    "BoundClient",
    "CallerDeniedError",
    "CastellanError",
    "Client",
    "Decision",
    "DeniedError",
    "FieldViolation",
    "HeldPermission",
    "InvalidRequestError",
    "PermissionList",
    "Question",
    "Resource",
    "Subject",
    "Tls",
    "UnauthenticatedError",
    "UnavailableError",
    "Wanted",
]
