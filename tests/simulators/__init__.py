"""Partners for demo and tests: separate processes with books of their own, speaking real HTTP.

They use other people's implementations of the standards we speak, and no code of the addons.
"""
