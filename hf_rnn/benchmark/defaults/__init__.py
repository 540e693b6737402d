"""What the default command reaches on corpora of many sizes, beside cheap baselines and other libraries."""
