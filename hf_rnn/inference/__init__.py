"""Answers of a trained model: many texts at once, and one-shot verification."""
