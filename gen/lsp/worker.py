"""Threads that compute, so that the thread of the protocol is free to read what the client says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

Result = TypeVar("Result")


class Worker:
    """A thread that does one piece of work after another, in the order in which they came.

    What is cancelled before its turn is never begun; what has begun runs to its end, and nobody sees what came of it.
    The thread does not keep the process alive.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def do(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        """What `work` returns or raises, once it has had its turn."""
        done: Future[Result] = Future()
        self._queue.put((done, work))
        return asyncio.wrap_future(done)

    def _run(self) -> None:
        while True:
            done, work = self._queue.get()
            if not done.set_running_or_notify_cancel():
                continue
            try:
                done.set_result(work())
            except BaseException as error:  # it is whoever waits for the result that has to know
                done.set_exception(error)
            del done, work  # they hold analyses, which nothing needs until there is more to do
