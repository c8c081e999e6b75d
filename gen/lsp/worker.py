"""Threads that compute, so that the thread of the protocol is free to read what the client says."""

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
    """Something to compute, its result, and whether nobody waits for that any more."""

    compute: Callable[[], Any]
    result: Future[Any] = field(default_factory=Future)
    unwanted: bool = False

    def stop(self, waited: asyncio.Future[Any]) -> None:
        """Once nothing waits: the work is not wanted if that is because it was cancelled."""
        self.unwanted = waited.cancelled()


class Worker:
    """A thread that does one piece of work after another, in the order in which they came.

    What is cancelled before its turn is never begun.  What has begun ends where it next asks whether to go on.  The
    thread does not keep the process alive.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[_Work] = SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def do(self, compute: Callable[[], Result]) -> asyncio.Future[Result]:
        """What `compute` returns or raises, once it has had its turn."""
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
                except BaseException as error:  # it is whoever waits for the result that has to know
                    work.result.set_exception(error)
            del _here.work, work  # which holds an analysis, and there may be nothing to do for long


def go_on() -> None:
    """Raises `CancelledError` where a worker does this and nobody waits for it any more."""
    work = getattr(_here, "work", None)
    if work is not None and work.unwanted:
        raise asyncio.CancelledError
