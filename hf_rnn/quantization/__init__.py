"""Models whose recurrent layers and embedding tables have weights of 8 bits, for inference on the CPU."""
