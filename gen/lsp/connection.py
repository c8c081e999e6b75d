"""Standard input and output in the protocol's format: the length of a message, an empty line, the message."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import suppress

_CHUNK = 1 << 16

_LENGTH = re.compile(rb"content-length:[ \t]*(\d{1,18})[ \t]*\r?\n", re.IGNORECASE)


class Input:
    """The client's messages.  A separate thread reads them at once, even if the other threads are busy."""

    def __init__(self, descriptor: int) -> None:
        self._stream = asyncio.StreamReader(sys.maxsize)
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(descriptor,), daemon=True).start()

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield one message after the other, to the end of the input; skip everything that is not a message."""
        length = 0
        while line := await self._stream.readline():
            if found := _LENGTH.fullmatch(line):
                length = int(found[1])
            elif length and not line.strip():
                try:
                    message = await self._stream.readexactly(length)
                except asyncio.IncompleteReadError:
                    return
                length = 0
                yield message
                await asyncio.sleep(0)  # let the work that it began run until it waits

    def _read(self, descriptor: int) -> None:
        data = b"more"
        while data:
            try:
                data = os.read(descriptor, _CHUNK)
            except OSError:
                data = b""
            try:
                self._loop.call_soon_threadsafe(self._fed, data)
            except RuntimeError:  # the server has ended
                return

    def _fed(self, data: bytes) -> None:
        if data:
            self._stream.feed_data(data)
        else:
            self._stream.feed_eof()


class Output:
    """The server's messages.  If the client has gone, nothing is written: the end of the input ends the server too."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def write(self, data: bytes) -> None:
        with suppress(OSError):
            while data and self._descriptor is not None:
                data = data[os.write(self._descriptor, data) :]

    def close(self) -> None:
        """Write nothing from now on; the process closes its files when it ends."""
        self._descriptor = None
