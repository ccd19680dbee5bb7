"""What a process asks of PostgreSQL for all of its sessions."""

import os

# A host that is cut off leaves its sessions behind, and their locks: the server looks after them
# as its clients look after the server (`SILENCE` in the settings), and not for two hours.
SILENCE = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25s",
}


def limit(**limits: str) -> None:
    """Have the sessions made from here on keep to these settings.

    What an operator's PGOPTIONS say of one of them wins: of several the server takes the last.
    """
    wanted = [f"-c {name}={value}" for name, value in (SILENCE | limits).items()]
    os.environ["PGOPTIONS"] = " ".join([*wanted, os.environ.get("PGOPTIONS", "")]).strip()
