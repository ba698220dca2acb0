"""What an asynchronous question answers: an awaitable that is never mistaken for its answer. Asks nothing."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class Asked(Coroutine[Any, Any, Answer]):
    """A coroutine that cannot be taken for its answer: `if client.can(…)` without `await` raises instead of being always true."""

    def __init__(self, coroutine: Coroutine[Any, Any, Answer]) -> None:
        self._coroutine = coroutine

    def __bool__(self) -> bool:
        self._coroutine.close()
        raise TypeError("nothing was asked yet: await it")

    def __await__(self) -> Generator[Any, Any, Answer]:
        return self._coroutine.__await__()

    def send(self, value: Any) -> Any:
        return self._coroutine.send(value)

    def throw(self, *fault: Any) -> Any:
        return self._coroutine.throw(*fault)

    def close(self) -> None:
        self._coroutine.close()
