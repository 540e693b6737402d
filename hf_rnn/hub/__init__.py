"""Makes of a trained run something that others can use: model cards and bundled checkpoints."""
