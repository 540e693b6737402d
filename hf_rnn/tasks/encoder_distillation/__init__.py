"""A small recurrent encoder that learns what a pretrained transformer says of unlabelled sentences."""
