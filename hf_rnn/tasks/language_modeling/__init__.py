"""Language models, from a text to measured results."""
