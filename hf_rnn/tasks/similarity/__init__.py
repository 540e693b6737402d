"""Siamese networks over pairs of texts, from the pairs to measured results."""
