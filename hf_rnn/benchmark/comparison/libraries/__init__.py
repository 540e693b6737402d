"""What a user would pick instead: models of fastText, spaCy and model2vec, measured in the same run."""
