"""What is measured beside what: the table of peers, and a file for each library."""
