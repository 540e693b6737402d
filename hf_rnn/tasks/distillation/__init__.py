"""Learning from a teacher, whatever the task."""
