"""Seeing inside a trained network: each insight returns its data first, and draws a figure of it second."""
