"""Text in, batches out: tokenizer training, readers of labelled text files and Hub datasets, truncation, the collator,
pretrained word vectors, and the synthetic reviews of the demo. Import what you need from its file, for example
``from hf_rnn.data.readers.texts import load_text_classification``; importing the package itself costs nothing."""
