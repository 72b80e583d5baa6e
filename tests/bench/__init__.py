"""Benchmarks: one module each, run by ``./mfg bench NAME``; what they share is in ``kit``."""
