"""Stories told on real servers: `./mfg demo` shows them, the acceptance tests run them.

Every claim is made by counting on both sides; a count that does not agree ends the story.
"""
