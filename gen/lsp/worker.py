"""Threads that compute, so that the thread of the protocol is free to read the client's messages."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, TypeVar

Result = TypeVar("Result")

_here = threading.local()


@dataclass
class _Work:
    """A computation, its result, and whether something still waits for it."""

    compute: Callable[[], Any]
    result: Future[Any] = field(default_factory=Future)
    unwanted: bool = False

    def stop(self, waited: asyncio.Future[Any]) -> None:
        """Note that nothing waits anymore; the work is not needed if it was canceled."""
        self.unwanted = waited.cancelled()


class Worker:
    """A thread that does one piece of work after another, in the order of their arrival.

    It never begins work that is canceled before its turn.  Work that has begun ends when it next asks whether to go on.
    The thread does not keep the process alive.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[_Work] = SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def do(self, compute: Callable[[], Result]) -> asyncio.Future[Result]:
        """Await the turn of `compute`; returns or raises what it does."""
        work = _Work(compute)
        self._queue.put(work)
        waited: asyncio.Future[Result] = asyncio.wrap_future(work.result)
        waited.add_done_callback(work.stop)
        return waited

    def _run(self) -> None:
        while True:
            _here.work = work = self._queue.get()
            if work.result.set_running_or_notify_cancel():
                try:
                    work.result.set_result(work.compute())
                except BaseException as error:  # the waiting task has to know about it
                    work.result.set_exception(error)
            del _here.work, work  # free its analysis, because the next work may come much later


def go_on() -> None:
    """Raises `CancelledError` in a worker if nothing waits for its result anymore."""
    work = getattr(_here, "work", None)
    if work is not None and work.unwanted:
        raise asyncio.CancelledError
