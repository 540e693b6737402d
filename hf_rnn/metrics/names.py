"""The names of figures where one metric is taken of several things."""

from __future__ import annotations


__all__ = ["CLASSIFIER"]


# The prefix stands before the figures of a classifier of pairs; those without it are of the similarity.
CLASSIFIER = "classifier_"
