"""The way from rows to batches: tokens of texts, tags and pairs, streams of a long text, and the collators."""
