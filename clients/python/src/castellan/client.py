"""The client for threads. Asks the service each time; a deny is an answer, and whatever is no answer is an error."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from types import TracebackType

import grpc

from . import _limits
from ._channel import Key, Place, Tls, checked_deadline, checked_pace
from ._exchange import Attempts, Checks, Exchange, Listing, Timing
from ._faults import closed, fault_of_call
from ._requests import check_position, check_subject, chunks_of, each_of, item_of, items_of, list_request
from ._wire import Wire
from .decisions import Decision, PermissionList
from .errors import CastellanError, DeniedError
from .questions import Question, Resource, Subject, Wanted


class Client:
    """Asks a Castellan service over gRPC. Safe to share between threads; one of them is enough for a process.

    Connects with the first question, so that a process may still fork before it. Every method raises a `CastellanError` when nothing was
    decided: `UnavailableError`, `InvalidRequestError`, `UnauthenticatedError`, `CallerDeniedError`.
    """

    def __init__(
        self,
        target: str,
        *,
        key: Key,
        deadline: float = _limits.DEADLINE_SECONDS,
        retries: int = _limits.RETRIES,
        tls: bool | Tls = False,
        insecure: bool = False,
    ) -> None:
        """
        `target`: host:port of the service's gRPC, dns:///host:port, ipv4:, ipv6: or unix:. `key`: of a caller with the scope `decide`,
        or a callable that answers it, at once: it runs in the caller's thread and the deadline does not end it. `deadline`: seconds of a call with its retries. `retries`: of what failed as UNAVAILABLE, and only
        of that. `tls`: True for authorities of the system, or Tls(…). `insecure`: the key may cross a network in the clear.
        Raises ValueError or TypeError.
        """
        self._place = Place(target, key, tls, insecure)
        self._deadline, self._retries = checked_pace(deadline, retries)
        self._timing = Timing(time.monotonic, random.random)
        self._lock = threading.Lock()
        self._wire: Wire | None = None
        self._closed = threading.Event()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._place!r})"

    def check(
        self,
        permission: str,
        *,
        user: str | None = None,
        tenant: str | None = None,
        access_token: str | None = None,
        resource: Resource | None = None,
        deadline: float | None = None,
        min_position: int | None = None,
    ) -> Decision:
        """May `user` in `tenant`, or whoever presented `access_token`, do this? `min_position`: answer from there or a later one, or fail."""
        item = item_of(Question(permission, user, tenant, access_token, resource))
        checks = Checks([item], check_position(min_position), self._attempts(deadline))
        self._walk(checks)
        return _decided(checks.results()[0])

    def can(
        self,
        permission: str,
        *,
        user: str | None = None,
        tenant: str | None = None,
        access_token: str | None = None,
        resource: Resource | None = None,
        deadline: float | None = None,
        min_position: int | None = None,
    ) -> bool:
        """As `check`, when only yes or no matters."""
        return self.check(
            permission, user=user, tenant=tenant, access_token=access_token, resource=resource, deadline=deadline, min_position=min_position
        ).allowed

    def enforce(
        self,
        permission: str,
        *,
        user: str | None = None,
        tenant: str | None = None,
        access_token: str | None = None,
        resource: Resource | None = None,
        deadline: float | None = None,
        min_position: int | None = None,
    ) -> Decision:
        """As `check`; a deny raises `DeniedError`."""
        decision = self.check(
            permission, user=user, tenant=tenant, access_token=access_token, resource=resource, deadline=deadline, min_position=min_position
        )
        if not decision.allowed:
            raise DeniedError(permission, decision)
        return decision

    def check_all(self, questions: Sequence[Question], *, deadline: float | None = None, min_position: int | None = None) -> list[Decision]:
        """In the order of the questions, any number of them, in requests of 1,000. Raises when one of them could not be decided."""
        items = items_of(questions)
        position = check_position(min_position)
        attempts = self._attempts(deadline)
        decisions: list[Decision] = []
        for chunk in chunks_of(items):
            checks = Checks(chunk, position, attempts)
            self._walk(checks)
            decisions += [_decided(result) for result in checks.results()]
        return decisions

    def list_permissions(self, *, user: str, tenant: str, deadline: float | None = None) -> PermissionList:
        """All that a user may do in a tenant."""
        listing = Listing(list_request(Subject(user, tenant)), self._attempts(deadline))
        self._walk(listing)
        result = listing.result()
        if isinstance(result, CastellanError):
            raise result
        return result

    def bind(self, *, user: str | None = None, tenant: str | None = None, access_token: str | None = None) -> BoundClient:
        """The same questions about one subject."""
        return BoundClient(self, Subject(user, tenant, access_token))

    def close(self) -> None:
        """Ends what is under way with `UnavailableError`, and everything asked later. Safe to call twice."""
        with self._lock:
            self._closed.set()
            wire, self._wire = self._wire, None
        if wire is not None:
            wire.channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _attempts(self, deadline: float | None) -> Attempts:
        seconds = self._deadline if deadline is None else checked_deadline(deadline)
        return Attempts(seconds, self._retries, self._timing)

    def _open(self) -> Wire:
        with self._lock:
            if self._closed.is_set():
                raise closed()
            if self._wire is None:
                self._wire = Wire(self._place.open())
            return self._wire

    def _walk(self, exchange: Exchange) -> None:
        pause: float | None = 0.0
        while pause is not None:
            # Ends early when the client is closed meanwhile.
            if pause > 0:
                self._closed.wait(pause)
            pause = self._step(exchange)

    def _step(self, exchange: Exchange) -> float | None:
        request = exchange.request()
        call = self._open().call(request)
        metadata = self._place.metadata()
        try:
            # A retry waits for a connection that is being made; the first attempt is told at once that there is none.
            remaining = exchange.attempts.remaining()
            answer = call(request, timeout=remaining, metadata=metadata, wait_for_ready=exchange.attempts.made > 0)
        except CastellanError as late:
            return exchange.failed(late, False)
        except grpc.RpcError as error:
            if self._closed.is_set():
                raise closed() from error
            fault, again = fault_of_call(error)
            fault.__cause__ = error
            return exchange.failed(fault, again)
        except ValueError as error:
            # So gRPC says that the channel was closed between two of these lines.
            if self._closed.is_set():
                raise closed() from error
            raise
        return exchange.answered(answer)


class BoundClient:
    """Questions about one subject."""

    def __init__(self, client: Client, subject: Subject) -> None:
        check_subject(subject)
        self._client = client
        self.subject = subject

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._client!r}, {self.subject!r})"

    def check(
        self, permission: str, *, resource: Resource | None = None, deadline: float | None = None, min_position: int | None = None
    ) -> Decision:
        """As `Client.check`."""
        about = self.subject
        return self._client.check(
            permission,
            user=about.user, tenant=about.tenant, access_token=about.access_token,
            resource=resource, deadline=deadline, min_position=min_position,
        )

    def can(
        self, permission: str, *, resource: Resource | None = None, deadline: float | None = None, min_position: int | None = None
    ) -> bool:
        """As `Client.can`."""
        return self.check(permission, resource=resource, deadline=deadline, min_position=min_position).allowed

    def enforce(
        self, permission: str, *, resource: Resource | None = None, deadline: float | None = None, min_position: int | None = None
    ) -> Decision:
        """As `Client.enforce`."""
        decision = self.check(permission, resource=resource, deadline=deadline, min_position=min_position)
        if not decision.allowed:
            raise DeniedError(permission, decision)
        return decision

    def check_all(
        self, wanted: Sequence[str | Wanted], *, deadline: float | None = None, min_position: int | None = None
    ) -> list[Decision]:
        """As `Client.check_all`."""
        return self._client.check_all(questions_about(self.subject, wanted), deadline=deadline, min_position=min_position)

    def list_permissions(self, *, deadline: float | None = None) -> PermissionList:
        """As `Client.list_permissions`; raises InvalidRequestError for a subject that is a token."""
        about = list_request(self.subject)
        return self._client.list_permissions(user=about.user, tenant=about.tenant, deadline=deadline)


def questions_about(subject: Subject, wanted: Sequence[str | Wanted]) -> list[Question]:
    """Each permission as a question about the subject."""
    each = [one if isinstance(one, Wanted) else Wanted(one) for one in each_of(wanted)]
    return [Question(one.permission, subject.user, subject.tenant, subject.access_token, one.resource) for one in each]


def _decided(result: Decision | CastellanError) -> Decision:
    if isinstance(result, CastellanError):
        raise result
    return result
