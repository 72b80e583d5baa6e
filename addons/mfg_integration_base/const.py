"""Names and limits shared by the suite. No logic."""

API_PREFIX = "/mfg/v1"

CHANNEL_WAKE = "mfg_wake"
"""PostgreSQL NOTIFY channel on which the dedicated workers listen; payload: a lane's code."""

LEASE_SECONDS = 120
"""How long a claimed key belongs to its worker before others may claim it again, in seconds.
Longer than the longest total timeout a connector may have (see MAX_TOTAL_TIMEOUT)."""

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

ENV_ENVIRONMENT = "MFG_ENVIRONMENT"
ENV_SECRET_KEY = "MFG_SECRET_KEY"
ENV_SECRET_KEY_FILE = "MFG_SECRET_KEY_FILE"

ENVIRONMENTS = [
    ("production", "Production"),
    ("test", "Test"),
    ("development", "Development"),
]
