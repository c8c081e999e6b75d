"""Standard input and output, as the protocol has them."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from contextlib import suppress
from typing import BinaryIO

_CHUNK = 1 << 16


class Input:
    """What the client writes.  A thread of its own reads whatever there is, however busy the others are."""

    def __init__(self, descriptor: int) -> None:
        self._stream = asyncio.StreamReader(sys.maxsize)
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._read, args=(descriptor,), daemon=True).start()

    async def readline(self) -> bytes:
        """The next line with its end; less at the end of the input."""
        await asyncio.sleep(0)  # what the message before has begun gets to where it waits, before the next one is read
        return await self._stream.readline()

    async def readexactly(self, count: int) -> bytes:
        """So many bytes; none where the input ends before."""
        try:
            return await self._stream.readexactly(count)
        except asyncio.IncompleteReadError:
            return b""

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
    """What the client reads.  Where it has gone nothing is written: the end of the input says the same."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, data: bytes) -> None:
        with suppress(OSError):
            self._stream.write(data)
            self._stream.flush()

    def close(self) -> None:
        with suppress(OSError):
            self._stream.close()
