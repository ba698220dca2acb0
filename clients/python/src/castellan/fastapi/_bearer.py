"""Who calls the application, read from a request. Decides nothing."""

# Without `from __future__ import annotations`: older versions of FastAPI cannot read the annotations of an object that is called then.
import re
from collections.abc import Callable

from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from .. import _limits
from ..errors import UnauthenticatedError
from ..questions import Subject

# RFC 6750, 2.1: one scheme, one token.
_TOKEN = re.compile(r"bearer +([A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)
_SCHEME = re.compile(r"bearer(?: |$)", re.IGNORECASE)

# Codes of an UnauthenticatedError that is about whoever calls the application, and what RFC 6750, 3.1 calls them; with any other code it
# is about the application's own key.
CREDENTIAL_CODES = {
    "credentials_missing": None,
    "credentials_refused": "invalid_token",
    "token_invalid": "invalid_token",
    "token_expired": "invalid_token",
    "token_revoked": "invalid_token",
}


class Bearer(SecurityBase):
    """A dependency that answers the subject of the bearer token. The service looks at its signature, session and revocation at every check."""

    def __init__(self, tenant: Callable[[HTTPConnection], str | None] | None = None) -> None:
        self.model = HTTPBearerModel()
        self.scheme_name = "bearer"
        self._tenant = tenant

    async def __call__(self, connection: HTTPConnection) -> Subject:
        """Raises UnauthenticatedError `credentials_missing` or `token_invalid`."""
        # Of two headers one might be looked at here, and the other one by a proxy.
        headers = connection.headers.getlist("authorization")
        if len(headers) == 0 or (len(headers) == 1 and not _SCHEME.match(headers[0])):
            raise UnauthenticatedError("No access token was sent.", code="credentials_missing")
        found = _TOKEN.fullmatch(headers[0]) if len(headers) == 1 else None
        if found is None or len(found[1]) > _limits.ACCESS_TOKEN_CHARACTERS_MAX:
            raise UnauthenticatedError("The authorization header holds no access token.", code="token_invalid")
        return Subject(access_token=found[1], tenant=self._tenant(connection) if self._tenant else None)


def bearer(tenant: Callable[[HTTPConnection], str | None] | None = None) -> Bearer:
    """`tenant`: reads the tenant that is asked about from the request, beside tokens that are for none."""
    return Bearer(tenant)
