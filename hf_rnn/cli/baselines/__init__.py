"""The commands that measure what counting alone reaches, in the form of a run."""
