"""What became of a set: a word for people, a colour, and an exit code for scripts."""

from collections.abc import Mapping
from dataclasses import dataclass

from jobset_client.cli.errors import ExitCode
from jobset_protocol.set_status import SetStatus
from jobset_protocol.statuses import FINAL, ChunkStatus

STYLES = {
    "done": "green",
    "failed": "red",
    "uncertain": "red",
    "cancelled": "yellow",
    "running": "cyan",
}
"""How a status looks; others are plain."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A set as it is now.

    Args:
        word: Its status, a :class:`SetStatus`.
        chunks: All chunks.
        ended: Those that are final.
        affected: How many chunks ended as ``word`` says.
    """

    word: str
    chunks: int
    ended: int
    affected: int

    @classmethod
    def of(cls, counts: Mapping[ChunkStatus, int], *, abandoned: bool = False) -> "Outcome":
        """Judge a set by its counts.

        Args:
            counts: Status → chunks.
            abandoned: The client ended before it had sent everything.

        >>> Outcome.of({ChunkStatus.DONE: 3, ChunkStatus.FAILED: 1}).text
        'failed: 1 of 4 chunks'
        """
        status = SetStatus.of(counts, abandoned=abandoned)
        chunks = sum(counts.values())
        ended = sum(count for each, count in counts.items() if each in FINAL)
        affected = counts.get(ChunkStatus(status), 0) if status.is_final else ended
        return cls(status.value, chunks, ended, affected)

    @property
    def is_final(self) -> bool:
        """Whether the set will change no more by itself."""
        return self.ended == self.chunks

    @property
    def text(self) -> str:
        """The word, and how many chunks it is true of when not of all."""
        if self.affected in (0, self.chunks):
            return self.word
        return f"{self.word}: {self.affected} of {self.chunks} chunks"

    @property
    def style(self) -> str:
        """How it looks in a table."""
        return STYLES.get(self.word, "")

    @property
    def exit_code(self) -> ExitCode:
        """OK unless the set ended otherwise than done."""
        return ExitCode.OK if self.word == "done" or not self.is_final else ExitCode.FAILED
