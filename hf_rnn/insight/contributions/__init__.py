"""What each token of a text contributed to an answer, and how far that can be trusted."""
