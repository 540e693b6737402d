"""Processes that measure: the parent's side, and the child's."""
