"""Requirements as dependencies of FastAPI: what is not clearly allowed ends the request before the route runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fastapi import Depends, FastAPI

from ..aio import AsyncBoundClient, AsyncClient
from ..client import BoundClient, Client
from ..decisions import Decision
from ..errors import CastellanError, DeniedError, UnauthenticatedError, UnavailableError
from ..questions import Resource, Subject, Wanted
from ._bearer import bearer
from ._problems import answer_problems
from ._requirement import Requirement, mark, public_because, requirement_of

Bound = TypeVar("Bound", BoundClient, AsyncBoundClient)

Loader = Callable[..., Any]
"""A dependency of FastAPI, sync or async, that answers the attributes of the thing that the request is about, or None to ask without."""


@dataclass(frozen=True, slots=True)
class Access(Generic[Bound]):
    """Of whoever calls: `client` to ask further questions about them, and `decisions` in the order of the guard's permissions."""

    client: Bound
    decisions: tuple[Decision, ...]

    @property
    def subject(self) -> Subject:
        return self.client.subject


class Guard:
    """Makes dependencies of one client. With a `Client` they run in FastAPI's threads, with an `AsyncClient` in its loop."""

    def __init__(
        self, client: Client | AsyncClient, *, subject: Callable[..., Any] | None = None, deadline: float | None = None
    ) -> None:
        """`subject`: a dependency that answers a `Subject` or raises; the bearer token when not given. `deadline`: seconds, for its checks."""
        if not isinstance(client, (Client, AsyncClient)):
            raise TypeError("client is a castellan.Client or castellan.AsyncClient")
        self._client = client
        self._subject = bearer() if subject is None else subject
        self._deadline = deadline

    def require(self, permission: str, *, resource: Loader | None = None) -> Callable[..., Any]:
        """For `Depends`: this permission. Answers `Access`."""
        return self._dependency(requirement_of("all", (permission,)), resource)

    def require_all(self, *permissions: str, resource: Loader | None = None) -> Callable[..., Any]:
        """For `Depends`: each of them. Answers `Access`."""
        return self._dependency(requirement_of("all", permissions), resource)

    def require_any(self, *permissions: str, resource: Loader | None = None) -> Callable[..., Any]:
        """For `Depends`: one of them. Answers `Access`, whose decisions say which."""
        return self._dependency(requirement_of("any", permissions), resource)

    def public(self, why: str) -> Callable[..., Any]:
        """As the function `public`."""
        return public(why)

    def install(self, app: FastAPI, *, tell_hints: bool = False, on_error: Callable[[CastellanError], None] | None = None) -> None:
        """As the function `answer_problems`."""
        answer_problems(app, tell_hints=tell_hints, on_error=on_error)

    def _dependency(self, requirement: Requirement, resource: Loader | None) -> Callable[..., Any]:
        client, deadline, read, load = self._client, self._deadline, self._subject_dependency(), resource or _no_resource
        permit: Callable[..., Any]
        # FastAPI answers parameters in their order: of whom nobody knows anything, nothing is loaded.
        if isinstance(client, AsyncClient):

            async def ask(subject: Any = Depends(read), loaded: Any = Depends(load)) -> Access[AsyncBoundClient]:
                bound = client.bind(user=subject.user, tenant=subject.tenant, access_token=subject.access_token)
                decisions = await bound.check_all(_wanted(requirement, loaded), deadline=deadline)
                return Access(bound, _held(requirement, decisions))

            permit = ask
        else:

            def ask_in_thread(subject: Any = Depends(read), loaded: Any = Depends(load)) -> Access[BoundClient]:
                bound = client.bind(user=subject.user, tenant=subject.tenant, access_token=subject.access_token)
                return Access(bound, _held(requirement, bound.check_all(_wanted(requirement, loaded), deadline=deadline)))

            permit = ask_in_thread
        mark(permit, requirement)
        return permit

    def _subject_dependency(self) -> Callable[..., Any]:
        async def read(subject: Any = Depends(self._subject)) -> Subject:
            if subject is None:
                raise UnauthenticatedError("No credentials.", code="credentials_missing")
            if not isinstance(subject, Subject):
                raise CastellanError("The subject of a request is a castellan.Subject.", code="subject_unusable", hint="Look at `subject` of the guard.")
            return subject

        return read


def public(why: str) -> Callable[..., Any]:
    """For `Depends`: nobody has to be allowed here, and why. Asks nobody."""

    async def nobody() -> None:
        return None

    mark(nobody, public_because(why))
    return nobody


async def _no_resource() -> None:
    return None


def _wanted(requirement: Requirement, resource: Resource | None) -> list[str | Wanted]:
    if resource is not None and not isinstance(resource, Mapping):
        raise CastellanError("The resource of a request is a mapping of attributes.", code="resource_unusable", hint="Look at `resource` of the guard.")
    return [Wanted(permission, resource) for permission in requirement.permissions]


def _held(requirement: Requirement, decisions: Sequence[Decision]) -> tuple[Decision, ...]:
    """Raises DeniedError with the first decision that stands in the way."""
    if len(decisions) != len(requirement.permissions):
        raise UnavailableError("The answer does not fit the question; nothing was decided.", code="bad_answer")
    denied = [each for each in zip(requirement.permissions, decisions, strict=True) if each[1].allowed is not True]
    if len(denied) == 0 or (requirement.kind == "any" and len(denied) < len(decisions)):
        return tuple(decisions)
    raise DeniedError(*denied[0])
