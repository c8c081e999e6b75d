"""An open document: its text, its analysis, and the requests that wait for the analysis."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcContentModified
from pygls.uris import to_fs_path

from gen.lsp.analysis import Analysis, analyse
from gen.lsp.projects import Project
from gen.lsp.worker import Worker

OUTDATED = "The document has changed"

_editions = itertools.count()


class Document:
    """One text after another.  Everything but `_analyse` runs in the thread of the protocol.

    gen analyzes a text once, when something first asks for the analysis, and never if the text changes before its turn.
    So one analysis runs and one waits, however fast the user types.
    """

    def __init__(
        self, uri: str, text: str, encoding: types.PositionEncodingKind, project: Project, worker: Worker
    ) -> None:
        self.uri, self.text, self.project = uri, text, project
        self.edition = next(_editions)
        """A number that identifies the text."""
        self.requests: set[asyncio.Task[Any]] = set()
        """The tasks that have not answered their requests yet."""
        self.publishing: asyncio.Task[None] | None = None
        """The task that sends the diagnostics after the last change."""
        self._encoding, self._worker = encoding, worker
        self._newest: Analysis | None = None
        self._first = self._begin()  # remember the last good analysis, whatever comes next
        self._analysis: asyncio.Future[Analysis] | None = self._first

    @property
    def analysis(self) -> asyncio.Future[Analysis]:
        """The analysis of the present text."""
        if self._analysis is None:
            self._analysis = self._begin()
        return asyncio.shield(self._analysis)  # other tasks may wait for it too

    @contextmanager
    def answering(self) -> Iterator[None]:
        """A context in which to answer a request about the present text; if the text changes, the request fails."""
        task, edition = asyncio.current_task(), self.edition
        assert task is not None
        self.requests.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if self.edition == edition:
                raise
            raise JsonRpcContentModified(OUTDATED) from None
        finally:
            self.requests.discard(task)

    def change(self, text: str) -> None:
        """Take another text; requests about the text before, and its analysis, are outdated."""
        if text != self.text:
            self.text = text
            self._outdate()
            if self._analysis is not None and self._analysis is not self._first:
                self._analysis.cancel()
            self._analysis = None

    def close(self) -> None:
        """Drop everything that still waits for the document."""
        self._outdate()
        for each in (self.publishing, self._first, self._analysis):
            if each is not None:
                each.cancel()

    def _outdate(self) -> None:
        self.edition = next(_editions)
        for task in self.requests:
            task.cancel()

    def _begin(self) -> asyncio.Future[Analysis]:
        return self._worker.do(partial(self.project.run, self._analyse, self.text))

    def _analyse(self, text: str) -> Analysis:
        """Runs in the worker's thread, one text after the other."""
        path = to_fs_path(self.uri) or self.uri
        asked = self.project.settings.model(Path(path))
        self._newest = analyse(path, text, self._encoding, self._newest, asked)
        return self._newest
