"""Measures side by side: checkpoints (`comparison`), and this library beside others (`speed`)."""
