"""Trying a definition: a payload in two ways, where it would go, sending it, and following it."""
