"""Tagged sentences as people have them: the files, the columns in them, and how their tags are written."""
