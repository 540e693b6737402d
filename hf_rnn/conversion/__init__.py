"""Models taken over from PyTorch and Keras, and layers given back to PyTorch."""
