"""The losses of vectors and pairs, and those that learn from a teacher."""
