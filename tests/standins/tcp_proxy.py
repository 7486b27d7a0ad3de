"""A bad network: a loopback proxy that delays, holds, loses, resets and forgets connections.

It runs in a thread of the test's process.  A worker or a client that gets its ``url`` reaches the
server through it, while others go straight there.

What no proxy can do is to leave a packet unacknowledged: a connection that it forgets takes what
is written to it, and answers keep-alive probes.  So only the absence of an answer tells, which is
the hardest case.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")

_READ_BYTES = 1 << 16
_TIMEOUT_SECONDS = 5.0
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class TcpProxy:
    """Listens on the loopback interface and forwards to one server.

    Args:
        target: Path of the server's socket, or its host and port.
    """

    def __init__(self, target: str | tuple[str, int]) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._links: set[_Link] = set()
        self._weather = _Weather()

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_TIMEOUT_SECONDS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_TIMEOUT_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_TIMEOUT_SECONDS)
        self._loop.close()

    @property
    def url(self) -> str:
        """The store's URL through this proxy."""
        return f"redis://127.0.0.1:{self._port}"

    @property
    def connections(self) -> int:
        """How many connections to the server it forwards now, silent ones not counted."""
        return self._do(lambda: sum(not link.silent for link in self._links))

    @property
    def lost(self) -> bytes:
        """What the server sent and nobody got."""
        return self._do(lambda: bytes(self._weather.lost))

    def delay(self, seconds: float) -> None:
        """Deliver so much later from now on, each way; what is under way overtakes nothing."""

        def change() -> None:
            self._weather.delay_seconds = seconds

        self._do(change)

    def black_hole(self, *, loses: bool = False) -> None:
        """Let nothing through, and let new connections hang, until it is healed.

        Args:
            loses: What is sent meanwhile is lost, and its connection silent ever after, as if a
                firewall had forgotten it.  Otherwise it arrives late, as TCP sends it again.
        """

        def change() -> None:
            self._weather.passing.clear()
            self._weather.loses = loses

        self._do(change)

    def refuse(self) -> None:
        """Refuse new connections, until it is healed; those that are open stay."""
        self._do(self._stop_listening)

    def heal(self) -> None:
        """Forward again, and take new connections; what is silent stays so."""

        def change() -> None:
            self._weather.loses = False
            self._weather.passing.set()

        self._do(change)
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_TIMEOUT_SECONDS)

    def reset(self) -> int:
        """Reset every connection, at both ends; returns how many."""
        return self._do(lambda: self._each(_Link.reset))

    def half_open(self) -> int:
        """Close every connection at the server, and never tell its client; returns how many."""
        return self._do(lambda: self._each(_Link.half_open))

    def forget(self) -> int:
        """Make every connection silent, and tell neither end; returns how many.

        What the server sends into one of them, such as a message that it popped, is lost.
        """
        return self._do(lambda: self._each(_Link.forget))

    def _do(self, act: Callable[[], T]) -> T:
        async def acting() -> T:
            return act()

        return asyncio.run_coroutine_threadsafe(acting(), self._loop).result(_TIMEOUT_SECONDS)

    def _each(self, act: "Callable[[_Link], None]") -> int:
        links = [link for link in self._links if not link.silent]
        for link in links:
            act(link)
        return len(links)

    async def _listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(self._weather, self._target, reader, writer)
        self._links.add(link)
        link.task.add_done_callback(lambda _: self._links.discard(link))

    async def _close(self) -> None:
        self._stop_listening()
        tasks = [link.task for link in self._links]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Aborted transports close at the next turn.
        await asyncio.sleep(0)


class _Weather:
    """What befalls all connections; touched in the proxy's loop only."""

    def __init__(self) -> None:
        self.delay_seconds = 0.0
        self.loses = False
        self.passing = asyncio.Event()
        self.passing.set()
        self.lost = bytearray()


class _Link:
    """One client's connection, and the one to the server behind it."""

    def __init__(
        self,
        weather: _Weather,
        target: str | tuple[str, int],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._weather = weather
        self._target = target
        self._reader = reader
        self._writers = [writer]
        self.silent = False
        self.task = asyncio.get_running_loop().create_task(self._run())

    def reset(self) -> None:
        """Send a reset to both ends."""
        for writer in self._writers:
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE
            )
        self.task.cancel()

    def forget(self) -> None:
        """Carry nothing any more."""
        self.silent = True

    def half_open(self) -> None:
        """Carry nothing any more, and close the server's end."""
        self.silent = True
        for writer in self._writers[1:]:
            writer.transport.abort()

    async def _run(self) -> None:
        try:
            # The handshake takes a round trip, too, and the kernel makes it on the spot.
            await asyncio.sleep(2 * self._weather.delay_seconds)
            self.silent |= self._weather.loses
            if not self.silent:
                await self._weather.passing.wait()
                await self._forward()
            while self.silent and await _read(self._reader):
                pass
            for writer in self._writers:
                writer.close()
                await writer.wait_closed()
        except* OSError:
            # Whichever end broke: the other one shall not wait.
            pass
        finally:
            for writer in self._writers:
                writer.transport.abort()

    async def _forward(self) -> None:
        if isinstance(self._target, str):
            reader, writer = await asyncio.open_unix_connection(self._target)
        else:
            reader, writer = await asyncio.open_connection(*self._target)
        [client] = self._writers
        self._writers.append(writer)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._carry(self._reader, writer, lost=None))
            both.create_task(self._carry(reader, client, lost=self._weather.lost))

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: bytearray | None
    ) -> None:
        """Carry one way, in order, each piece as late as the delay says, whatever came before."""
        loop = asyncio.get_running_loop()
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            data = b"-"
            while data:
                due, data = await under_way.get()
                await asyncio.sleep(due - loop.time())
                await self._weather.passing.wait()
                if self.silent:
                    if lost is not None:
                        lost.extend(data)
                elif data:
                    writer.write(data)
                    await writer.drain()
                elif writer.can_write_eof():
                    writer.write_eof()

        async with asyncio.TaskGroup() as both:
            both.create_task(deliver())
            data = b"-"
            while data:
                data = await _read(reader)
                self.silent |= self._weather.loses and bool(data)
                under_way.put_nowait((loop.time() + self._weather.delay_seconds, data))


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Return what came, or nothing at the end, however it ended."""
    try:
        return await reader.read(_READ_BYTES)
    except ConnectionError:
        return b""
