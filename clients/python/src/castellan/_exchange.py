"""One call with its retries, as a plan without I/O: says what to send next, how long it may take, and when to stop. Sync and async clients walk it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from . import _limits
from ._answers import decision_of, permission_list_of, result_of
from ._faults import bad_answer, fault_of_code, tried_again
from ._proto.castellan.v1 import decision_service_pb2 as pb
from ._requests import batch_request, check_request
from .decisions import Decision, PermissionList
from .errors import CastellanError, UnavailableError

Request = pb.CheckRequest | pb.BatchCheckRequest | pb.ListPermissionsRequest
Response = pb.CheckResponse | pb.BatchCheckResponse | pb.ListPermissionsResponse
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Timing:
    """Time and chance as arguments; `monotonic` in seconds, `random` from 0 to 1."""

    monotonic: Callable[[], float]
    random: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Result]):
    """An answer, or why there is none and whether to try again."""

    result: Result | CastellanError
    again: bool = False


class Attempts:
    """How often, and until when."""

    def __init__(self, deadline: float, retries: int, timing: Timing) -> None:
        self._timing = timing
        self._ends_at = timing.monotonic() + deadline
        self._left = retries
        self.made = 0

    def remaining(self) -> float:
        """Seconds; raises UnavailableError when there are none."""
        remaining = self._ends_at - self._timing.monotonic()
        if remaining <= 0:
            raise fault_of_code("deadline_exceeded")
        return remaining

    def pause(self, retry_after: float | None) -> float | None:
        """Seconds to wait before the next attempt; None: there is none."""
        if self._left == 0:
            return None
        self._left -= 1
        longest = min(_limits.RETRY_PAUSE_SECONDS * 2**self.made, _limits.RETRY_PAUSE_SECONDS_MAX)
        self.made += 1
        # Full jitter: those that failed together do not come back together.
        pause = (retry_after or 0.0) + longest * self._timing.random()
        return pause if self._timing.monotonic() + pause < self._ends_at else None


class Checks:
    """Questions of one request, at most a chunk: a single one travels alone, and only what was not decided is sent again."""

    def __init__(self, items: Sequence[pb.BatchCheckItem], min_position: int | None, attempts: Attempts) -> None:
        self._items = items
        self._min_position = min_position
        self.attempts = attempts
        self._open = list(range(len(items)))
        self._results: list[Decision | CastellanError | None] = [None] * len(items)

    def request(self) -> Request:
        """Of what is yet to be answered."""
        if len(self._open) == 1:
            return check_request(self._items[self._open[0]], self._min_position)
        return batch_request([self._items[index] for index in self._open], self._min_position)

    def answered(self, answer: Response) -> float | None:
        """Takes an answer; says how long to wait before what failed is sent again, None: it is over."""
        return self._take(self._outcomes(answer))

    def failed(self, fault: CastellanError, again: bool) -> float | None:
        """Takes a failure of the whole request, as `answered` does."""
        return self._take([Outcome(_better(self._results[index], fault), again) for index in self._open])

    def results(self) -> list[Decision | CastellanError]:
        """In the order of the questions."""
        return [bad_answer("no answer") if result is None else result for result in self._results]

    def _outcomes(self, answer: Response) -> list[Outcome[Decision]]:
        if isinstance(answer, pb.CheckResponse) and len(self._open) == 1:
            try:
                return [Outcome(decision_of(answer))]
            except CastellanError as fault:
                return [Outcome(fault)]
        if isinstance(answer, pb.BatchCheckResponse) and len(answer.items) == len(self._open):
            results = [result_of(item) for item in answer.items]
            return [Outcome(result, isinstance(result, CastellanError) and tried_again(result)) for result in results]
        # Which answer is whose could only be guessed.
        return [Outcome(bad_answer("not one answer for each question"))] * len(self._open)

    def _take(self, outcomes: Sequence[Outcome[Decision]]) -> float | None:
        again = []
        retry_after = 0.0
        for index, outcome in zip(self._open, outcomes, strict=True):
            self._results[index] = outcome.result
            if outcome.again:
                again.append(index)
                if isinstance(outcome.result, UnavailableError):
                    retry_after = max(retry_after, outcome.result.retry_after or 0.0)
        self._open = again
        return self.attempts.pause(retry_after) if again else None


class Listing:
    """The one request for all permissions of a user."""

    def __init__(self, request: pb.ListPermissionsRequest, attempts: Attempts) -> None:
        self._request = request
        self.attempts = attempts
        self._result: PermissionList | CastellanError | None = None

    def request(self) -> Request:
        return self._request

    def answered(self, answer: Response) -> float | None:
        try:
            self._result = permission_list_of(answer) if isinstance(answer, pb.ListPermissionsResponse) else bad_answer("another answer")
        except CastellanError as fault:
            self._result = fault
        return None

    def failed(self, fault: CastellanError, again: bool) -> float | None:
        self._result = _better(self._result, fault)
        return self.attempts.pause(fault.retry_after if isinstance(fault, UnavailableError) else None) if again else None

    def result(self) -> PermissionList | CastellanError:
        return self._result or bad_answer("no answer")


Exchange = Checks | Listing


def _better(before: object, fault: CastellanError) -> CastellanError:
    """A retry that ran out of time says less than the failure before it."""
    return before if isinstance(before, CastellanError) and fault.code == "deadline_exceeded" else fault
