"""Which libraries may log at INFO: not those that write a line a request or a circuit."""

import logging

_TALKATIVE = ("httpx", "httpcore", "qiskit")


def quieten_libraries() -> None:
    """Keep the lines of talkative libraries for debugging."""
    if not logging.getLogger().isEnabledFor(logging.DEBUG):
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
