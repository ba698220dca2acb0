"""What has to be allowed before a route runs, and the mark by which routes are told apart. Asks nobody."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

PERMISSIONS_MAX = 100
"""Of one route: who needs more means another permission."""
_MARK = "__castellan_requirement__"


@dataclass(frozen=True, slots=True)
class Requirement:
    """`all` or `any` of the permissions; `public`: nobody has to be allowed, and why."""

    kind: Literal["all", "any", "public"]
    permissions: tuple[str, ...] = ()
    why: str = ""


def requirement_of(kind: Literal["all", "any"], permissions: tuple[object, ...]) -> Requirement:
    """Raises TypeError for no permission, or one that is no name."""
    if not 1 <= len(permissions) <= PERMISSIONS_MAX:
        raise TypeError(f"a requirement names 1 to {PERMISSIONS_MAX} permissions; for a route that needs none: public(why)")
    names = [name for name in permissions if isinstance(name, str) and re.fullmatch(r"\S{1,256}", name)]
    if len(names) != len(permissions):
        raise TypeError("a permission is a name, such as finance.read")
    return Requirement(kind, tuple(names))


def public_because(why: object) -> Requirement:
    """Raises TypeError without a sentence: "internal" says nothing to who reads it next year."""
    if not isinstance(why, str) or not re.search(r"\S\s+\S", why):
        raise TypeError("why is a sentence that says why nobody has to be allowed here")
    return Requirement("public", why=why)


def mark(call: Callable[..., Any], requirement: Requirement) -> None:
    """So that `unguarded` finds it."""
    setattr(call, _MARK, requirement)


def requirement_at(call: object) -> Requirement | None:
    found = getattr(call, _MARK, None)
    return found if isinstance(found, Requirement) else None
