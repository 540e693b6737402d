"""Sequence-to-sequence models: sources and targets to measured results."""
