"""Actions in the console: searched, looked at one by one, and decided on."""
