"""Everything a Hub repository carries with it: configurations, cells, models.

The folder is flat and self-contained: its files import torch, transformers, huggingface_hub and their siblings,
nothing else, so that ``save_pretrained`` can copy them beside the weights and ``trust_remote_code=True`` can run them
anywhere.
"""
