"""What lets a training be stopped, and gone on with as it was."""
