"""The tasks, a folder each: from arguments to measured results."""
