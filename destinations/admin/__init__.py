"""The admin of destinations and of their keys: its pages, and the forms on them."""

from destinations.admin import keys as keys
