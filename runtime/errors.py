class StartError(Exception):
    """What keeps a command from starting; the text is the one line its operator reads."""
