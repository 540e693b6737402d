"""One layer of reading for every command: what a file is (compression, encoding, delimiter, quotes, header), and its
rows in their order, each with the line on which it begins."""
