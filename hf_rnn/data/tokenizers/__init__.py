"""Tokenizers: training them, their words and pieces, and what is put before a text or between two."""
