"""The speed of our models beside that of other libraries'."""
