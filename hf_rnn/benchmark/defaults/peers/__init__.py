"""The peers of the default command: what people would take instead, each in a file of its own."""
