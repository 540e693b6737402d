"""What counting alone reaches: n-gram language models and naive Bayes, which a network is compared with."""
