"""A document that is open: its text, the analysis of it, and the requests that wait for it."""

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
    """One text after another.  All but `_analyse` runs in the thread of the protocol.

    A text is analysed when somebody first asks for that, once, and not at all if it changes before its turn has come:
    however fast somebody types, one analysis runs and one waits.
    """

    def __init__(
        self, uri: str, text: str, encoding: types.PositionEncodingKind, project: Project, worker: Worker
    ) -> None:
        self.uri, self.text, self.project = uri, text, project
        self.edition = next(_editions)
        """A number for the text that no other text has."""
        self.requests: set[asyncio.Task[Any]] = set()
        """What answers requests, and has not yet."""
        self.publishing: asyncio.Task[None] | None = None
        """What sends the diagnostics, since the last change."""
        self._encoding, self._worker = encoding, worker
        self._newest: Analysis | None = None
        self._first = self._begin()  # whatever comes next: what is good now is remembered
        self._analysis: asyncio.Future[Analysis] | None = self._first

    @property
    def analysis(self) -> asyncio.Future[Analysis]:
        """The analysis of the text as it is now."""
        if self._analysis is None:
            self._analysis = self._begin()
        return asyncio.shield(self._analysis)  # whoever is cancelled is not the only one who waits

    @contextmanager
    def answering(self) -> Iterator[None]:
        """While a request about the text as it is now is answered; where the text changes, that is its answer."""
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
        """The document has another text: requests about the one before are outdated, and so is its analysis."""
        if text != self.text:
            self.text = text
            self._outdate()
            if self._analysis is not None and self._analysis is not self._first:
                self._analysis.cancel()
            self._analysis = None

    def close(self) -> None:
        """Nobody wants to know anything of the document any more."""
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
        """In the worker's thread, where one text comes after the other."""
        path = to_fs_path(self.uri) or self.uri
        asked = self.project.settings.model(Path(path))
        self._newest = analyse(path, text, self._encoding, self._newest, asked)
        return self._newest
