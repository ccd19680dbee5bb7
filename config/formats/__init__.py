"""How Django writes what differs from language to language."""
