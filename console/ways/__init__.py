"""Two ways to write one document: a form of django-jsonform's, and its JSON."""
