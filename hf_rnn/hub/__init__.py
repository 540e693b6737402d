"""From a trained run to something others can use: model cards and bundled checkpoints."""
