"""The things that a run leaves behind: results, their description and provenance, the folder, checkpoints, history and
curves.
"""
