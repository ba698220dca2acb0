"""What an application asks. Nothing but values; checked where they are sent (_requests.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Resource = Mapping[str, Any]
"""Attributes of the thing that is asked about, plus optional `id` and `type`: what JSON can carry."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom it is about: `user` and `tenant`, or the `access_token` that they presented (`tenant` beside it only when it is for none)."""

    user: str | None = None
    tenant: str | None = None
    access_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One of several permissions asked about one subject."""

    permission: str
    resource: Resource | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One of several questions about anybody."""

    permission: str
    user: str | None = None
    tenant: str | None = None
    access_token: str | None = field(default=None, repr=False)
    resource: Resource | None = None

    @property
    def subject(self) -> Subject:
        return Subject(self.user, self.tenant, self.access_token)
