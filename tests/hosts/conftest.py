import os

# Only root makes network namespaces.
collect_ignore = ["test_apart.py"] if os.geteuid() else []
