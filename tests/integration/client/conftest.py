"""The client over a store in this process, for long tests: the unit tier stays quick."""

from tests.unit.client.conftest import cli, manager, sender, store

__all__ = ["cli", "manager", "sender", "store"]
