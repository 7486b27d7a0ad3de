"""The command line ``jobset``."""

from jobset_client.cli.group import main

__all__ = ["main"]
