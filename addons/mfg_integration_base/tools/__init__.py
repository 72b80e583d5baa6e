"""The pure Python core: everything with a specification, a table or a test vector.

Nothing in here imports odoo, reads a clock, draws a random number or looks at the environment:
time, randomness, keys and allow-lists come in as arguments. Runs on Python 3.10 to 3.13.
"""
