"""Messages of the wire → what an application hears. What is not clearly an answer is an error, never an allow and never a deny. No I/O."""

from __future__ import annotations

from datetime import datetime, timezone

from google.protobuf.timestamp_pb2 import Timestamp

from ._faults import bad_answer, fault_of_code, plain
from ._proto.castellan.v1 import decision_service_pb2 as pb
from .decisions import Decision, HeldPermission, PermissionList
from .errors import CastellanError, FieldViolation


def decision_of(answer: pb.CheckResponse) -> Decision:
    """Raises UnavailableError for an answer that says nothing."""
    # A message that lost its fields reads as `allowed = false`; a decision has a reason, and one by the service has an id.
    if answer.reason == "" or answer.decision_id == "":
        raise bad_answer("a decision without reason or id")
    return Decision(
        allowed=answer.allowed is True,
        reason=answer.reason,
        decision_id=answer.decision_id,
        policy_revision=answer.policy_revision,
        position=answer.position,
        via=tuple(answer.via),
        valid_until=_instant(answer.valid_until) if answer.HasField("valid_until") else None,
        expired_at=_instant(answer.expired_at) if answer.HasField("expired_at") else None,
        valid_from=_instant(answer.valid_from) if answer.HasField("valid_from") else None,
        hint=answer.hint or None,
    )


def result_of(result: pb.BatchCheckResult) -> Decision | CastellanError:
    """One question's failure is that question's."""
    try:
        kind = result.WhichOneof("result")
        if kind == "decision":
            return decision_of(result.decision)
        if kind == "error":
            error = result.error
            violations = [FieldViolation(plain(each.field), plain(each.message)) for each in error.violations]
            return fault_of_code(error.code, violations)
        return bad_answer("neither a decision nor an error")
    except CastellanError as fault:
        return fault


def permission_list_of(answer: pb.ListPermissionsResponse) -> PermissionList:
    """Raises UnavailableError for an answer that says nothing."""
    if answer.policy_revision == "" and answer.denied == "":
        raise bad_answer("a list without the revision that it was made from")
    held = tuple(HeldPermission(each.permission, each.code, each.conditional, tuple(each.via)) for each in answer.permissions)
    return PermissionList(held, answer.denied or None, answer.policy_revision, answer.position)


def _instant(timestamp: Timestamp) -> datetime:
    try:
        return timestamp.ToDatetime(tzinfo=timezone.utc)
    except (ValueError, OverflowError):
        raise bad_answer("an instant that is none") from None
