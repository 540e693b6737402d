"""The gradient that reaches each step: measured, and drawn."""
