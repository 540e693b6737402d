"""The compiled path of the recurrent layers: a small C++ library, built once for this machine, loaded where it exists.

    python -m hf_rnn.kernels            # build it (some seconds; needs g++ or clang++)

The training scripts build it when they first train, and `predict_texts` when it is first given many texts. Without it
every model works the same, by torch's own kernels.
"""
