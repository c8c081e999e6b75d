"""A client of `gen lsp`, as an editor is one: it starts the server and talks to it over standard input and output."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.client import LanguageClient

from tests.building import ROOT

PATIENCE = 400.0
"""How many seconds a client waits before it gives up."""


class Editor:
    """A client with one server, for as long as the tests last.

    With `resolving` it asks for what a code action writes when one is chosen, as most editors do.
    """

    def __init__(self, folder: Path, resolving: bool = False) -> None:
        self.folder = folder
        self.published: dict[str, types.PublishDiagnosticsParams] = {}
        self.shown: list[types.ShowDocumentParams] = []
        self.messages: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._news = asyncio.Event()
        self._opened = 0
        self.client = LanguageClient("tests", "1")
        self.client.feature(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(partial(self._publish))
        self.client.feature(types.WINDOW_SHOW_MESSAGE)(lambda params: self.messages.append(params.message))
        self.client.feature(types.WINDOW_SHOW_DOCUMENT)(partial(self._show))
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.wait(self.client.start_io(sys.executable, "-m", "gen", "lsp", cwd=folder, env=environment))
        resolves = types.ClientCodeActionResolveOptions(["edit"]) if resolving else None
        capabilities = types.ClientCapabilities(
            text_document=types.TextDocumentClientCapabilities(
                code_action=types.CodeActionClientCapabilities(resolve_support=resolves)
            ),
            window=types.WindowClientCapabilities(show_document=types.ShowDocumentClientCapabilities(True)),
        )
        params = types.InitializeParams(capabilities, root_uri=folder.as_uri())
        self.capabilities = self.wait(self.client.initialize_async(params)).capabilities
        self.client.initialized(types.InitializedParams())

    def wait(self, coroutine: Coroutine[Any, Any, Any] | asyncio.Future[Any], patience: float = PATIENCE) -> Any:
        return self._loop.run_until_complete(asyncio.wait_for(coroutine, patience))

    def open(self, text: str, place: str = "") -> Document:
        """Open a new document, which is not on the disk, in the open folder or one below it."""
        self._opened += 1
        uri = (self.folder / place / f"model_{self._opened}.nn").as_uri()
        item = types.TextDocumentItem(uri, "nn", 0, text)
        self.client.text_document_did_open(types.DidOpenTextDocumentParams(item))
        return Document(self, uri, text)

    def send(self, method: str, params: Any, id: str | None = None) -> asyncio.Future[Any]:
        """Ask, and do not wait for the answer."""
        future = self.client.protocol.send_request(method, params, msg_id=id)
        return asyncio.wrap_future(future, loop=self._loop)

    def cancel(self, id: str) -> None:
        """Take back what was asked with this id; the server is to answer all the same."""
        self.client.protocol.notify(types.CANCEL_REQUEST, types.CancelParams(id))

    def refused(self, answer: asyncio.Future[Any]) -> int:
        """The code of the error that a question is answered with."""
        with pytest.raises(JsonRpcException) as error:
            self.wait(answer)
        return error.value.code

    def diagnostics(self, uri: str, version: int | None) -> Sequence[types.Diagnostic]:
        """Those of a version, once they are there; None for those after it is closed."""
        return self.wait(self.published_version(uri, version))

    async def published_version(self, uri: str, version: int | None) -> Sequence[types.Diagnostic]:
        while (found := self.published.get(uri)) is None or found.version != version:
            self._news.clear()
            await self._news.wait()
        return list(found.diagnostics)

    def close(self, shutdown: bool = True) -> tuple[int | None, bytes]:
        """End the server as the protocol says; its exit status, and what it wrote to standard error."""
        server = self.client._server
        assert server is not None and server.stderr is not None
        if shutdown:
            self.wait(self.client.shutdown_async(None))
        self.client.exit(None)
        errors = self.wait(server.stderr.read())
        self.wait(self.client.stop())
        self._loop.close()
        return server.returncode, errors

    def _publish(self, params: types.PublishDiagnosticsParams) -> None:
        self.published[params.uri] = params
        self._news.set()

    def _show(self, params: types.ShowDocumentParams) -> types.ShowDocumentResult:
        self.shown.append(params)
        return types.ShowDocumentResult(True)


@dataclass
class Document:
    """A document that is edited."""

    editor: Editor
    uri: str
    text: str
    version: int = 0

    @property
    def identifier(self) -> types.TextDocumentIdentifier:
        return types.TextDocumentIdentifier(self.uri)

    @property
    def diagnostics(self) -> Sequence[types.Diagnostic]:
        return self.editor.diagnostics(self.uri, self.version)

    def change(self, before: str, after: str) -> None:
        """Put one text in place of another, which is there once."""
        assert self.text.count(before) == 1, f"{before!r} is there {self.text.count(before)} times"
        self.write(self.text.replace(before, after))

    def write(self, text: str) -> None:
        self.text, self.version = text, self.version + 1
        change = types.TextDocumentContentChangeWholeDocument(text)
        identifier = types.VersionedTextDocumentIdentifier(version=self.version, uri=self.uri)
        self.editor.client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, [change]))

    def position(self, text: str, behind: bool = False) -> types.Position:
        """Where `text` begins, or ends, in units of UTF-16."""
        offset = self.text.index(text) + len(text) * behind
        before = self.text[:offset]
        line = before.rpartition("\n")[2]
        return types.Position(before.count("\n"), len(line.encode("utf-16-le", "surrogatepass")) // 2)

    def at(self, range_: types.Range) -> str:
        """The text of a range."""
        lines = self.text.split("\n")
        assert range_.start.line == range_.end.line
        units = lines[range_.start.line].encode("utf-16-le", "surrogatepass")
        return units[2 * range_.start.character : 2 * range_.end.character].decode("utf-16-le", "surrogatepass")

    def ask(self, method: str, params: Any) -> Any:
        return self.editor.wait(getattr(self.editor.client, f"{method}_async")(params))

    def hover(self, text: str) -> str | None:
        found = self.ask("text_document_hover", self.hover_params(text))
        return found and found.contents.value

    def hover_params(self, text: str) -> types.HoverParams:
        return types.HoverParams(self.identifier, self.position(text))

    def hints(self) -> dict[int, str]:
        """The inlay hints by line, from 1."""
        everything = types.Range(types.Position(0, 0), types.Position(len(self.text), 0))
        found = self.ask("text_document_inlay_hint", types.InlayHintParams(self.identifier, everything))
        return {hint.position.line + 1: hint.label for hint in found}

    def completions(self, text: str) -> list[types.CompletionItem]:
        position = self.position(text, behind=True)
        return list(self.ask("text_document_completion", types.CompletionParams(self.identifier, position)).items)

    def signature(self, text: str) -> tuple[str, str | None] | None:
        """The signature shown behind `text`, and the argument marked in it."""
        position = self.position(text, behind=True)
        found = self.ask("text_document_signature_help", types.SignatureHelpParams(self.identifier, position))
        if found is None:
            return None
        (signature,) = found.signatures
        active = found.active_parameter
        return signature.label, None if active is None else signature.parameters[active].label

    def actions(self, text: str) -> list[types.CodeAction | types.Command]:
        range_ = types.Range(self.position(text), self.position(text, behind=True))
        params = types.CodeActionParams(self.identifier, range_, types.CodeActionContext([]))
        return list(self.ask("text_document_code_action", params) or [])

    def run(self, command: types.Command) -> None:
        """Run a command of the server, as its code action says."""
        params = types.ExecuteCommandParams(command.command, command.arguments)
        self.ask("workspace_execute_command", params)

    def apply(self, edits: Sequence[types.TextEdit]) -> str:
        """The text with edits made in it, which do not overlap."""
        lines = self.text.split("\n")
        for edit in sorted(edits, key=lambda each: (each.range.start.line, each.range.start.character), reverse=True):
            assert edit.range.start.line == edit.range.end.line
            units = lines[edit.range.start.line].encode("utf-16-le", "surrogatepass")
            start, end = 2 * edit.range.start.character, 2 * edit.range.end.character
            lines[edit.range.start.line] = (
                units[:start] + edit.new_text.encode("utf-16-le", "surrogatepass") + units[end:]
            ).decode("utf-16-le", "surrogatepass")
        return "\n".join(lines)
