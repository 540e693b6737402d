"""The peers that are measured beside this library: the table of peers, and a file for each library."""
