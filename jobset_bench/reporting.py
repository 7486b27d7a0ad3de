"""What a run tells while it goes on."""

from typing import Protocol


class Reporter(Protocol):
    """Hears of a run's progress."""

    def expect(self, steps: int) -> None:
        """So many measurements lie ahead, besides those already announced."""
        ...

    def begin(self, description: str) -> None:
        """Something starts that takes a while."""
        ...

    def measured(self, description: str) -> None:
        """One measurement is done."""
        ...

    def note(self, message: str) -> None:
        """Something that the reader of the figures should know."""
        ...
