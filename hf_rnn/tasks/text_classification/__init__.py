"""Classifiers of texts, from the texts to measured results."""
