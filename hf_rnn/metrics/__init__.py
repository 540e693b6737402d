"""The metrics, a file a task, as `evaluate` has them."""
