"""The document beside what is there: reading both, and what has to become of each part."""
