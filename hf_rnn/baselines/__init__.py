"""The baselines that count alone: n-gram language models and naive Bayes, which a network is compared with."""
