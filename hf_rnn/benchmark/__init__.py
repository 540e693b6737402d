"""How fast and how large: the same network on the same texts in this library and in what a user would take instead."""
