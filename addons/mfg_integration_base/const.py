"""Names and limits shared by the suite. No logic."""

API_PREFIX = "/mfg/v1"

CHANNEL_WAKE = "mfg_wake"
"""PostgreSQL NOTIFY channel on which the dedicated workers listen; payload: a lane's code,
or code and direction with a slash between."""

LEASE_SECONDS = 20
"""How long a claimed key belongs to its runner without a sign of life, in seconds. A living runner
renews its leases; after a crash this is how long others wait before they take over."""

HEARTBEAT_SECONDS = 5
"""How often a runner renews its leases, in seconds; a fraction of LEASE_SECONDS."""

LINGER_SECONDS = 3
"""How long a scheduled action stays ready for more after its lane has run empty, in seconds."""

MAX_TOTAL_TIMEOUT = 60
"""Longest time a single call to a partner may take, in seconds."""

MAX_BODY_BYTES = 1024 * 1024
"""Largest body that the inbound gateway reads, in bytes."""

MAX_JSON_DEPTH = 64
"""Deepest nesting of an inbound JSON body."""

EXCERPT_CHARS = 2000
"""How much of a request or an answer an attempt keeps, in characters."""

SIGNATURE_TOLERANCE = 300
"""Accepted difference between a signature's timestamp and our clock, in seconds."""

DEDUPE_DAYS = 90
"""How long the identity of an inbound message is remembered, in days."""

RETENTION_DAYS = 90
"""How long finished messages and their events are kept unless a flow or route says otherwise."""

BACKLOG_RETRY_AFTER = 30
"""When partners may come again after a 429 for a full backlog, in seconds."""

UNAVAILABLE_RETRY_AFTER = 300
"""The same after a 503, which lasts until a person acts, in seconds."""

ENV_ENVIRONMENT = "MFG_ENVIRONMENT"
ENV_SECRET_KEY = "MFG_SECRET_KEY"
ENV_SECRET_KEY_FILE = "MFG_SECRET_KEY_FILE"

ENVIRONMENTS = [
    ("production", "Production"),
    ("test", "Test"),
    ("development", "Development"),
]

JOB_EVENT_TYPE = "mfg.integration.job.enqueued.v1"
"""Type of the events that carry queue jobs; only ``_mfg_enqueue`` writes them."""
