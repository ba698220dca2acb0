import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CheckRequest(_message.Message):
    __slots__ = ("user", "tenant", "permission", "resource", "min_position", "access_token")
    USER_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    PERMISSION_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    user: str
    tenant: str
    permission: str
    resource: _struct_pb2.Struct
    min_position: int
    access_token: str
    def __init__(self, user: _Optional[str] = ..., tenant: _Optional[str] = ..., permission: _Optional[str] = ..., resource: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., min_position: _Optional[int] = ..., access_token: _Optional[str] = ...) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("allowed", "reason", "decision_id", "policy_revision", "position", "via", "valid_until", "expired_at", "valid_from", "hint")
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    POLICY_REVISION_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    VIA_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_AT_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    allowed: bool
    reason: str
    decision_id: str
    policy_revision: str
    position: int
    via: _containers.RepeatedScalarFieldContainer[str]
    valid_until: _timestamp_pb2.Timestamp
    expired_at: _timestamp_pb2.Timestamp
    valid_from: _timestamp_pb2.Timestamp
    hint: str
    def __init__(self, allowed: bool = ..., reason: _Optional[str] = ..., decision_id: _Optional[str] = ..., policy_revision: _Optional[str] = ..., position: _Optional[int] = ..., via: _Optional[_Iterable[str]] = ..., valid_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expired_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., valid_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., hint: _Optional[str] = ...) -> None: ...

class BatchCheckRequest(_message.Message):
    __slots__ = ("user", "tenant", "items", "min_position", "access_token")
    USER_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    user: str
    tenant: str
    items: _containers.RepeatedCompositeFieldContainer[BatchCheckItem]
    min_position: int
    access_token: str
    def __init__(self, user: _Optional[str] = ..., tenant: _Optional[str] = ..., items: _Optional[_Iterable[_Union[BatchCheckItem, _Mapping]]] = ..., min_position: _Optional[int] = ..., access_token: _Optional[str] = ...) -> None: ...

class BatchCheckItem(_message.Message):
    __slots__ = ("user", "tenant", "permission", "resource", "access_token")
    USER_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    PERMISSION_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    user: str
    tenant: str
    permission: str
    resource: _struct_pb2.Struct
    access_token: str
    def __init__(self, user: _Optional[str] = ..., tenant: _Optional[str] = ..., permission: _Optional[str] = ..., resource: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., access_token: _Optional[str] = ...) -> None: ...

class BatchCheckResponse(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[BatchCheckResult]
    def __init__(self, items: _Optional[_Iterable[_Union[BatchCheckResult, _Mapping]]] = ...) -> None: ...

class BatchCheckResult(_message.Message):
    __slots__ = ("decision", "error")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    decision: CheckResponse
    error: ErrorBody
    def __init__(self, decision: _Optional[_Union[CheckResponse, _Mapping]] = ..., error: _Optional[_Union[ErrorBody, _Mapping]] = ...) -> None: ...

class ErrorBody(_message.Message):
    __slots__ = ("code", "detail", "hint", "violations")
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    HINT_FIELD_NUMBER: _ClassVar[int]
    VIOLATIONS_FIELD_NUMBER: _ClassVar[int]
    code: str
    detail: str
    hint: str
    violations: _containers.RepeatedCompositeFieldContainer[FieldViolation]
    def __init__(self, code: _Optional[str] = ..., detail: _Optional[str] = ..., hint: _Optional[str] = ..., violations: _Optional[_Iterable[_Union[FieldViolation, _Mapping]]] = ...) -> None: ...

class FieldViolation(_message.Message):
    __slots__ = ("field", "message")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    field: str
    message: str
    def __init__(self, field: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class CheckPermissionsRequest(_message.Message):
    __slots__ = ("user", "tenant", "permissions", "min_position", "access_token")
    USER_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    user: str
    tenant: str
    permissions: _containers.RepeatedScalarFieldContainer[str]
    min_position: int
    access_token: str
    def __init__(self, user: _Optional[str] = ..., tenant: _Optional[str] = ..., permissions: _Optional[_Iterable[str]] = ..., min_position: _Optional[int] = ..., access_token: _Optional[str] = ...) -> None: ...

class CheckPermissionsResponse(_message.Message):
    __slots__ = ("allowed", "decision_id", "policy_revision", "position", "denied")
    ALLOWED_FIELD_NUMBER: _ClassVar[int]
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    POLICY_REVISION_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    DENIED_FIELD_NUMBER: _ClassVar[int]
    allowed: _containers.RepeatedScalarFieldContainer[bool]
    decision_id: str
    policy_revision: str
    position: int
    denied: str
    def __init__(self, allowed: _Optional[_Iterable[bool]] = ..., decision_id: _Optional[str] = ..., policy_revision: _Optional[str] = ..., position: _Optional[int] = ..., denied: _Optional[str] = ...) -> None: ...

class CheckStreamRequest(_message.Message):
    __slots__ = ("id", "check")
    ID_FIELD_NUMBER: _ClassVar[int]
    CHECK_FIELD_NUMBER: _ClassVar[int]
    id: str
    check: CheckRequest
    def __init__(self, id: _Optional[str] = ..., check: _Optional[_Union[CheckRequest, _Mapping]] = ...) -> None: ...

class CheckStreamResponse(_message.Message):
    __slots__ = ("id", "decision", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: str
    decision: CheckResponse
    error: ErrorBody
    def __init__(self, id: _Optional[str] = ..., decision: _Optional[_Union[CheckResponse, _Mapping]] = ..., error: _Optional[_Union[ErrorBody, _Mapping]] = ...) -> None: ...

class ListPermissionsRequest(_message.Message):
    __slots__ = ("user", "tenant", "at")
    USER_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    user: str
    tenant: str
    at: _timestamp_pb2.Timestamp
    def __init__(self, user: _Optional[str] = ..., tenant: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListPermissionsResponse(_message.Message):
    __slots__ = ("permissions", "denied", "policy_revision", "position")
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    DENIED_FIELD_NUMBER: _ClassVar[int]
    POLICY_REVISION_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    permissions: _containers.RepeatedCompositeFieldContainer[HeldPermission]
    denied: str
    policy_revision: str
    position: int
    def __init__(self, permissions: _Optional[_Iterable[_Union[HeldPermission, _Mapping]]] = ..., denied: _Optional[str] = ..., policy_revision: _Optional[str] = ..., position: _Optional[int] = ...) -> None: ...

class HeldPermission(_message.Message):
    __slots__ = ("permission", "code", "conditional", "via")
    PERMISSION_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    CONDITIONAL_FIELD_NUMBER: _ClassVar[int]
    VIA_FIELD_NUMBER: _ClassVar[int]
    permission: str
    code: str
    conditional: bool
    via: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, permission: _Optional[str] = ..., code: _Optional[str] = ..., conditional: bool = ..., via: _Optional[_Iterable[str]] = ...) -> None: ...

class ListUsersRequest(_message.Message):
    __slots__ = ("tenant", "permission", "page_size", "page_token", "at")
    TENANT_FIELD_NUMBER: _ClassVar[int]
    PERMISSION_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    tenant: str
    permission: str
    page_size: int
    page_token: str
    at: _timestamp_pb2.Timestamp
    def __init__(self, tenant: _Optional[str] = ..., permission: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListUsersResponse(_message.Message):
    __slots__ = ("users", "next_page_token", "policy_revision", "position")
    USERS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    POLICY_REVISION_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    users: _containers.RepeatedCompositeFieldContainer[PermissionHolder]
    next_page_token: str
    policy_revision: str
    position: int
    def __init__(self, users: _Optional[_Iterable[_Union[PermissionHolder, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., policy_revision: _Optional[str] = ..., position: _Optional[int] = ...) -> None: ...

class PermissionHolder(_message.Message):
    __slots__ = ("user", "conditional", "via")
    USER_FIELD_NUMBER: _ClassVar[int]
    CONDITIONAL_FIELD_NUMBER: _ClassVar[int]
    VIA_FIELD_NUMBER: _ClassVar[int]
    user: str
    conditional: bool
    via: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, user: _Optional[str] = ..., conditional: bool = ..., via: _Optional[_Iterable[str]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("user", "tenant", "permission", "resource", "min_position", "access_token")
    USER_FIELD_NUMBER: _ClassVar[int]
    TENANT_FIELD_NUMBER: _ClassVar[int]
    PERMISSION_FIELD_NUMBER: _ClassVar[int]
    RESOURCE_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    user: str
    tenant: str
    permission: str
    resource: _struct_pb2.Struct
    min_position: int
    access_token: str
    def __init__(self, user: _Optional[str] = ..., tenant: _Optional[str] = ..., permission: _Optional[str] = ..., resource: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., min_position: _Optional[int] = ..., access_token: _Optional[str] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("decision", "permission", "code", "tenant_state", "account_state", "tried", "would_allow_with")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    PERMISSION_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    TENANT_STATE_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_STATE_FIELD_NUMBER: _ClassVar[int]
    TRIED_FIELD_NUMBER: _ClassVar[int]
    WOULD_ALLOW_WITH_FIELD_NUMBER: _ClassVar[int]
    decision: CheckResponse
    permission: str
    code: str
    tenant_state: str
    account_state: str
    tried: _containers.RepeatedCompositeFieldContainer[TriedGrant]
    would_allow_with: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, decision: _Optional[_Union[CheckResponse, _Mapping]] = ..., permission: _Optional[str] = ..., code: _Optional[str] = ..., tenant_state: _Optional[str] = ..., account_state: _Optional[str] = ..., tried: _Optional[_Iterable[_Union[TriedGrant, _Mapping]]] = ..., would_allow_with: _Optional[_Iterable[str]] = ...) -> None: ...

class TriedGrant(_message.Message):
    __slots__ = ("assignment_id", "role", "window", "valid_from", "expires_at", "outcome", "failed_at", "condition_reason")
    ASSIGNMENT_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    FAILED_AT_FIELD_NUMBER: _ClassVar[int]
    CONDITION_REASON_FIELD_NUMBER: _ClassVar[int]
    assignment_id: str
    role: str
    window: str
    valid_from: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    outcome: str
    failed_at: str
    condition_reason: str
    def __init__(self, assignment_id: _Optional[str] = ..., role: _Optional[str] = ..., window: _Optional[str] = ..., valid_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., outcome: _Optional[str] = ..., failed_at: _Optional[str] = ..., condition_reason: _Optional[str] = ...) -> None: ...
