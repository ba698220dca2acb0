"""What an application hears. Nothing but values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer. True in a condition exactly when it allows, so that `if client.check(…):` cannot be misread as yes."""

    allowed: bool
    reason: str
    """Stable, upper snake case (README of the service, "Reasons"); new ones may be added."""
    decision_id: str
    policy_revision: str
    position: int
    """Of the order of all changes: what the answer was made from; pass it as `min_position` to see no older state."""
    via: tuple[str, ...] = ()
    """Roles that allow; empty on a deny."""
    valid_until: datetime | None = None
    """When the last allowing assignment ends, with its time zone; None when one has no end, and on a deny."""
    expired_at: datetime | None = None
    """With ASSIGNMENT_EXPIRED."""
    valid_from: datetime | None = None
    """With NOT_YET_VALID."""
    hint: str | None = None
    """For a person: "did you mean …", or the policy's words for a condition."""

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(frozen=True, slots=True)
class HeldPermission:
    """One permission that a user has."""

    permission: str
    code: str
    conditional: bool
    """Depends on the resource: ask with it."""
    via: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PermissionList:
    """All that a user may do in a tenant."""

    permissions: tuple[HeldPermission, ...]
    denied: str | None
    """Why nothing can be held, when the user, the account or the tenant alone decide it."""
    policy_revision: str
    position: int
