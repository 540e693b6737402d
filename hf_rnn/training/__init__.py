"""Training and measuring: the Trainer, its metrics, learning curves, and the `results.json` every run ends with."""
