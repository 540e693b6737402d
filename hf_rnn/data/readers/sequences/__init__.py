"""Sources and targets: rows with a text that is read and one that is to be written."""
