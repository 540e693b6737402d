"""Data that are generated: reviews, drawn glyphs, and a task with a long dependency."""
