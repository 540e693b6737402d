"""Techniques of training, a file each: averaged weights, adversarial training, unfreezing, schedules."""
