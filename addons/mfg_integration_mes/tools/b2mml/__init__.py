"""B2MML (ISA-95 as XML) on one side, this suite's canonical documents on the other.

The Business To Manufacturing Markup Language (B2MML) is used courtesy of MESA International.
"""
