"""What scenarios and tests share: real servers, workers and databases, driven from outside."""
