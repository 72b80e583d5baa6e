"""What every plug-in promises, tried on every plug-in that the database has installed.

A new plug-in is found by itself. It fails here until its partner, or its samples, are added to the
tables of these modules.
"""
