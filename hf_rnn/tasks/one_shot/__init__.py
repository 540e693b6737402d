"""Siamese networks over drawn glyphs, from nothing to measured results."""
