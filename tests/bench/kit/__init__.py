"""What the benchmarks share: databases, the receiver, the peer, the limit, and the figures."""
