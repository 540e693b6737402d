"""Taggers, from tagged sentences to measured results."""
