"""Questions → messages of the wire, each checked field by field before anything is sent. No I/O."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from google.protobuf.struct_pb2 import ListValue, NullValue, Struct, Value

from . import _limits
from ._proto.castellan.v1 import decision_service_pb2 as pb
from .errors import InvalidRequestError, invalid
from .questions import Question, Subject

One = TypeVar("One")


def check_subject(subject: Subject) -> None:
    """Raises InvalidRequestError for a subject that is none, or two."""
    if subject.access_token is not None:
        _check_text("access_token", subject.access_token, _limits.ACCESS_TOKEN_CHARACTERS_MAX)
        if subject.user is not None:
            raise invalid("user", "must not be named beside access_token", "Ask by user and tenant, or by the token.")
        if subject.tenant is not None:
            _check_id("tenant", subject.tenant)
        return
    _check_id("user", subject.user)
    _check_id("tenant", subject.tenant)


def item_of(question: Question) -> pb.BatchCheckItem:
    """Raises InvalidRequestError that names the field."""
    subject = question.subject
    check_subject(subject)
    _check_text("permission", question.permission, _limits.PERMISSION_CHARACTERS_MAX)
    item = pb.BatchCheckItem(
        user=subject.user or "", tenant=subject.tenant or "", access_token=subject.access_token or "", permission=question.permission
    )
    if question.resource is not None:
        if not isinstance(question.resource, Mapping):
            raise invalid("resource", f"must be a mapping, and is {type(question.resource).__name__}")
        # Set even when it is empty: an empty resource is one, and none is another.
        item.resource.CopyFrom(_struct("resource", question.resource, 1))
    if item.ByteSize() > _limits.REQUEST_BYTES_MAX:
        raise invalid("resource", f"must take at most {_limits.REQUEST_BYTES_MAX} bytes", "Send the attributes that conditions read.")
    return item


def items_of(questions: Sequence[Question]) -> list[pb.BatchCheckItem]:
    """Raises InvalidRequestError that names the question and the field."""
    items = []
    for index, question in enumerate(each_of(questions)):
        try:
            if not isinstance(question, Question):
                raise invalid("", f"must be a Question, and is {type(question).__name__}", "Names alone are for bind(user=…, tenant=…).check_all.")
            items.append(item_of(question))
        except InvalidRequestError as fault:
            violations = [type(each)(f"questions[{index}].{each.field}".rstrip("."), each.message) for each in fault.violations]
            raise InvalidRequestError(str(fault.args[0]), hint=fault.hint, violations=violations) from None
    return items


def each_of(given: Iterable[One]) -> list[One]:
    """Of several questions; raises InvalidRequestError. A text is many texts to Python, and would be a question for each letter."""
    if isinstance(given, (str, bytes, bytearray, Mapping)) or not isinstance(given, Iterable):
        raise invalid("questions", f"must be a list, and is {type(given).__name__}", "Put one alone into [ ], or ask with check.")
    return list(given)


def chunks_of(items: Sequence[pb.BatchCheckItem]) -> Iterator[Sequence[pb.BatchCheckItem]]:
    """In order, each as large as one request may be."""
    begin = 0
    size = 0
    for index, item in enumerate(items):
        # Of an item in its envelope: the field's number and its length, at most 5 bytes.
        added = item.ByteSize() + 5
        if index > begin and (index - begin >= _limits.BATCH_ITEMS_MAX or size + added > _limits.REQUEST_BYTES_MAX):
            yield items[begin:index]
            begin, size = index, 0
        size += added
    if begin < len(items):
        yield items[begin:]


def check_request(item: pb.BatchCheckItem, min_position: int | None) -> pb.CheckRequest:
    """One question alone."""
    request = pb.CheckRequest(user=item.user, tenant=item.tenant, permission=item.permission, access_token=item.access_token)
    if item.HasField("resource"):
        request.resource.CopyFrom(item.resource)
    if min_position is not None:
        request.min_position = min_position
    return request


def batch_request(items: Sequence[pb.BatchCheckItem], min_position: int | None) -> pb.BatchCheckRequest:
    """Several questions at once."""
    request = pb.BatchCheckRequest(items=items)
    if min_position is not None:
        request.min_position = min_position
    return request


def list_request(subject: Subject) -> pb.ListPermissionsRequest:
    """Raises InvalidRequestError, also for a subject that is a token."""
    if subject.access_token is not None:
        raise invalid("access_token", "cannot be listed for", "Ask by user and tenant.")
    check_subject(subject)
    return pb.ListPermissionsRequest(user=subject.user, tenant=subject.tenant)


def check_position(min_position: int | None) -> int | None:
    """Raises InvalidRequestError."""
    if min_position is None:
        return None
    if type(min_position) is not int or not 0 <= min_position <= _limits.WHOLE_NUMBER_MAX:
        raise invalid("min_position", "must be a whole number from 0", "Pass the position of a change or of a decision.")
    return min_position


def _check_id(field: str, value: object) -> None:
    text = _check_text(field, value, _limits.ID_BYTES_MAX)
    if len(text.encode()) > _limits.ID_BYTES_MAX:
        raise invalid(field, f"must take at most {_limits.ID_BYTES_MAX} bytes in UTF-8")
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise invalid(field, "must not have control characters")


def _check_text(field: str, value: object, characters_max: int) -> str:
    if value is None:
        raise invalid(field, "is required", "Name user and tenant, or an access_token." if field in ("user", "tenant") else None)
    if not isinstance(value, str):
        raise invalid(field, f"must be a text, and is {type(value).__name__}")
    if value == "":
        raise invalid(field, "must not be empty")
    if len(value) > characters_max:
        raise invalid(field, f"must have at most {characters_max} characters")
    return _encodable(field, value)


def _encodable(field: str, value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid(field, "must be encodable as UTF-8") from None
    return value


def _struct(field: str, attributes: Mapping[Any, object], depth: int) -> Struct:
    if depth > _limits.RESOURCE_DEPTH_MAX:
        raise invalid(field[:200], f"must not be nested deeper than {_limits.RESOURCE_DEPTH_MAX}")
    struct = Struct()
    for name, value in attributes.items():
        if not isinstance(name, str):
            raise invalid(field, f"must have texts as names, and has {type(name).__name__}")
        _encodable(field, name)
        struct.fields[name].CopyFrom(_value(f"{field}.{name}", value, depth))
    return struct


def _value(field: str, value: object, depth: int) -> Value:
    if value is None:
        return Value(null_value=NullValue.NULL_VALUE)
    if isinstance(value, bool):
        return Value(bool_value=value)
    if isinstance(value, str):
        return Value(string_value=_encodable(field, value))
    if isinstance(value, int):
        if abs(value) > _limits.WHOLE_NUMBER_MAX:
            raise invalid(field[:200], "must be a whole number that a double can carry", "Send it as a text.")
        return Value(number_value=value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise invalid(field[:200], "must be a finite number")
        return Value(number_value=value)
    if isinstance(value, Mapping):
        return Value(struct_value=_struct(field, value, depth + 1))
    if isinstance(value, (list, tuple)):
        if depth + 1 > _limits.RESOURCE_DEPTH_MAX:
            raise invalid(field[:200], f"must not be nested deeper than {_limits.RESOURCE_DEPTH_MAX}")
        return Value(list_value=ListValue(values=[_value(f"{field}[{index}]", each, depth + 1) for index, each in enumerate(value)]))
    raise invalid(field[:200], f"must be what JSON can carry, and is {type(value).__name__}", "Turn dates, decimals and ids into texts or numbers.")
