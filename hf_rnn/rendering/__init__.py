"""Tables and cards of the documents, written from their JSON."""
