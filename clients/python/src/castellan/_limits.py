"""Every limit of the client, with its reason. Holds no behaviour."""

DEADLINE_SECONDS = 0.5
"""Of one call with its retries: a check stands in the way of a request that somebody waits for."""
DEADLINE_SECONDS_MAX = 60.0
"""The service ends a request after 5 seconds; whoever waits longer waits for many chunks."""
RETRIES = 1
"""More of them multiply the load on a service that is in trouble."""
RETRIES_MAX = 5
"""As above."""
RETRY_PAUSE_SECONDS = 0.02
"""Longest pause before the first retry; doubled for each further one. A replica that went away is replaced by another one at once."""
RETRY_PAUSE_SECONDS_MAX = 0.5
"""Beyond it the deadline is over anyway."""
BATCH_ITEMS_MAX = 1_000
"""Most questions in one request; the service takes no more."""
REQUEST_BYTES_MAX = 1_000_000
"""Of one request as encoded: the service takes 1 MiB, and the envelope needs room."""
RESPONSE_BYTES_MAX = 16_777_216
"""All 10,000 permissions of the largest policy with their roles."""
ID_BYTES_MAX = 256
"""Of a user's or a tenant's id in UTF-8, as the service has it."""
PERMISSION_CHARACTERS_MAX = 512
"""Far above the longest name: what is longer is some other text put in the wrong place."""
ACCESS_TOKEN_CHARACTERS_MAX = 16_384
"""No request with a longer one would be read by the service."""
KEY_CHARACTERS_MAX = 4_096
"""The service reads no longer `authorization`."""
RESOURCE_DEPTH_MAX = 16
"""Of nested attributes, as the service has it."""
WHOLE_NUMBER_MAX = 2**53 - 1
"""Larger ones change their value on the way: the wire has doubles, as JSON mostly has."""
VIOLATION_CHARACTERS_MAX = 500
"""Of the service's words about one field: enough for two sentences."""
VIOLATIONS_MAX = 100
"""Listed with an error: who has more begins with these."""

RECONNECT_FIRST_MS = 100
"""Pause before a lost connection is tried again: the shortest that gRPC takes."""
RECONNECT_MAX_MS = 300
"""Below the deadline with its jitter, so that the first call after an outage waits for the connection and succeeds."""
CONNECT_MS = 2_000
"""For one attempt to connect: an address that swallows packets must not hold up the others for the usual 20 seconds."""
RESOLVE_AGAIN_MS = 2_000
"""Between two look-ups of the name: new replicas are found while old ones go, and a name server is not flooded."""
KEEPALIVE_MS = 30_000
"""A connection whose other end vanished is noticed by then."""
KEEPALIVE_ANSWER_MS = 5_000
"""As above: how long a living one may take to answer."""
