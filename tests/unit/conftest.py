"""What keeps the unit tests quick."""

import gc
import os

from hypothesis import settings

settings.register_profile("unit", max_examples=40, database=None)
settings.load_profile("unit")

# Aer's idle threads would spin on the cores that the other test process needs.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def pytest_collection_finish() -> None:
    """Spare the garbage collector what has been imported: it stays."""
    gc.freeze()
