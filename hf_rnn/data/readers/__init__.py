"""Files and datasets of the Hub as rows: texts, tagged sentences, pairs, documents, with their labels."""
