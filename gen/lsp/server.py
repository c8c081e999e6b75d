"""The server: it hands the client's requests to the features, and puts their results in the protocol's terms."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from urllib.parse import unquote

from lsprotocol import types
from pygls.exceptions import JsonRpcContentModified, JsonRpcException, JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

from gen import __version__, files
from gen.commands import building
from gen.diagnostics import Diagnostic, Span
from gen.inspect.sourcemap import Lines
from gen.lsp import completion, fixes, generated, hints, hover, navigation, signatures, words
from gen.lsp.analysis import Analysis
from gen.lsp.connection import Input, Output
from gen.lsp.document import OUTDATED, Document
from gen.lsp.projects import Project, Projects
from gen.lsp.protocol import Protocol
from gen.lsp.worker import Worker
from gen.nn_layout import Unreadable, format_text
from gen.settings import Settings

Result = TypeVar("Result")

OPEN_GENERATED = "gen.openGenerated"
"""The command that shows the generated code for an offset of a document."""

PAUSE = 0.02
"""The seconds without a change after which the server sends diagnostics; of many quick changes, the last counts."""

_KINDS = {
    "variable": types.CompletionItemKind.Variable,
    "output": types.CompletionItemKind.Field,
    "argument": types.CompletionItemKind.Property,
    "value": types.CompletionItemKind.EnumMember,
    "keyword": types.CompletionItemKind.Keyword,
    "module": types.CompletionItemKind.Module,
    "method": types.CompletionItemKind.Method,
    "attribute": types.CompletionItemKind.Field,
    "class": types.CompletionItemKind.Class,
    "layer": types.CompletionItemKind.Class,
}
"""The protocol's kinds of completions; components other than layers are functions."""


class Server(LanguageServer):
    """The language server of `.nn` files.

    The thread of the protocol reads the client's messages and writes the answers.  It computes nothing, so it knows at
    once what is canceled or outdated.  `reading` analyzes texts, `answering` runs the features, and `building` runs
    the features that take as long as a build.
    """

    protocol: Protocol

    def __init__(self, scratch: Path) -> None:
        super().__init__("gen", __version__, types.TextDocumentSyncKind.Full, protocol_cls=Protocol)
        self._documents: dict[str, Document] = {}
        self._reading, self.answering, self.building = Worker(), Worker(), Worker()
        self.projects: Projects
        self.scratch = scratch
        """The folder for generated files that the server shows without a build."""

    def document(self, uri: str) -> Document:
        """The open document.  Raises `JsonRpcInvalidParams` if it is not open."""
        try:
            return self._documents[unquote(uri)]
        except KeyError:
            raise JsonRpcInvalidParams(f"No document {uri} is open") from None

    async def ask(self, document: Document, worker: Worker, feature: Callable[[Analysis], Result]) -> Result:
        """The result of a feature for a document's present text.  Raises `JsonRpcContentModified` if that changes."""
        with document.answering():
            analysis = await document.analysis
            return await worker.do(partial(document.project.run, feature, analysis))

    @property
    def resolves_edits(self) -> bool:
        """Whether the client asks for the edits of a code action only when the user chooses it."""
        able = self.client_capabilities.text_document
        support = able and able.code_action and able.code_action.resolve_support
        return bool(support and "edit" in support.properties)

    def open(self, uri: str) -> None:
        """Open a document, or open it again for a client that forgot to close it."""
        if unquote(uri) in self._documents:
            self.change(uri)
            return
        encoding = types.PositionEncodingKind(self.workspace.position_encoding or types.PositionEncodingKind.Utf16)
        text = self.workspace.get_text_document(uri).source
        path = to_fs_path(uri)
        project = self.projects.of(self.projects.folder if path is None else Path(path).parent)
        self._documents[unquote(uri)] = document = Document(uri, text, encoding, project, self._reading)
        self._publish_soon(document)

    def change(self, uri: str) -> None:
        """Take the new text of a document, if it has changed."""
        document = self.document(uri)
        document.change(self.workspace.get_text_document(uri).source)
        self._publish_soon(document)

    def close(self, uri: str) -> None:
        """Close a document, and remove its diagnostics."""
        document = self._documents.pop(unquote(uri), None)
        if document is not None:
            document.close()
            self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    async def close_all(self) -> None:
        """Close all documents, and answer all requests about them."""
        requests = [task for document in self._documents.values() for task in document.requests]
        for document in self._documents.values():
            document.close()
        self._documents.clear()
        if requests:
            await asyncio.wait(requests)

    def _publish_soon(self, document: Document) -> None:
        if document.publishing is not None:
            document.publishing.cancel()
        document.publishing = asyncio.create_task(self._publish(document))

    async def _publish(self, document: Document) -> None:
        """Send the diagnostics of a document, unless it changes again at once."""
        await asyncio.sleep(PAUSE)
        version = self.workspace.get_text_document(document.uri).version
        analysis = await document.analysis
        items = await self._reading.do(partial(_diagnostics, analysis, document.uri))
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(document.uri, items, version))


def serve(given: Settings) -> None:
    """Serve one client over standard input and output until it ends.

    Everything else that is printed, such as by the user's components, goes to standard error, because standard output
    is for the protocol.
    """
    output = Output(os.dup(1))
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    logging.getLogger("pygls.protocol.json_rpc").addFilter(_unexpected)
    with TemporaryDirectory(prefix="gen-") as scratch:
        asyncio.run(_serve(create(Path(scratch), given), output))


async def _serve(server: Server, output: Output) -> None:
    server.protocol.set_writer(output)
    async for message in Input(sys.stdin.fileno()).messages():
        server.protocol.receive(message)


def _unexpected(record: logging.LogRecord) -> bool:
    """Whether to log a record: failures of the server, but not refused or skipped messages."""
    return bool(record.exc_info and not isinstance(record.exc_info[1], JsonRpcException))


def create(scratch: Path, given: Settings) -> Server:
    """Make a server with all features; the settings in `given` hold in every project."""
    server = Server(scratch)

    def initialize(ls: Server, _: types.InitializeParams) -> None:
        _configure(ls, given)

    server.feature(types.INITIALIZE)(initialize)
    server.command(OPEN_GENERATED)(_open_generated)
    for name, (function, options) in _HANDLERS.items():
        server.feature(name, options)(function)
    for name, (feature, options) in _FEATURES.items():
        server.feature(name, options)(_answer(feature, server.building if name in _SLOW else server.answering))
    return server


def _answer(feature: Callable[[Analysis, Any], Any], worker: Worker) -> Callable[..., Any]:
    """Make a handler that answers a request about a document with the result of a feature."""

    async def answer(ls: Server, params: Any) -> Any:
        document = ls.document(params.text_document.uri)
        return await ls.ask(document, worker, lambda analysis: feature(analysis, params))

    return answer


def _configure(ls: Server, given: Settings) -> None:
    """Read the settings of the open folder and the components that they name; show problems with them."""

    def show(kind: types.MessageType, message: str) -> None:
        ls.window_show_message(types.ShowMessageParams(kind, f"gen: {message}"))

    uris = [ls.workspace.root_uri, *ls.workspace.folders]
    folder = _absolute(Path(next(filter(None, (to_fs_path(uri) for uri in uris if uri)), os.curdir)))
    warn, fail = partial(show, types.MessageType.Warning), partial(show, types.MessageType.Error)
    ls.projects = Projects(folder, given, warn, fail)
    ls.projects.of(folder)


# ----------------------------------------------------------------------------------------------------------- documents


def _opened(ls: Server, params: types.DidOpenTextDocumentParams) -> None:
    ls.open(params.text_document.uri)


def _changed(ls: Server, params: types.DidChangeTextDocumentParams) -> None:
    ls.change(params.text_document.uri)


def _closed(ls: Server, params: types.DidCloseTextDocumentParams) -> None:
    ls.close(params.text_document.uri)


async def _shut_down(ls: Server, _: None) -> None:
    await ls.close_all()


def _diagnostics(analysis: Analysis, uri: str) -> list[types.Diagnostic]:
    items = [_diagnostic(analysis, item, uri) for item in analysis.diagnostics]
    if analysis.bug is not None:
        items.append(types.Diagnostic(analysis.text.range(Span(0, 0)), analysis.bug, source="gen"))
    return items


def _diagnostic(analysis: Analysis, item: Diagnostic, uri: str) -> types.Diagnostic:
    unused = item.code.startswith("unused")
    return types.Diagnostic(
        range=analysis.text.range(item.span),
        message=item.message if item.hint is None else f"{item.message}\nhint: {item.hint}",
        severity=types.DiagnosticSeverity.Error if item.severity == "error" else types.DiagnosticSeverity.Warning,
        code=item.code,
        source="gen",
        tags=[types.DiagnosticTag.Unnecessary] if unused else None,
        related_information=[
            types.DiagnosticRelatedInformation(types.Location(uri, analysis.text.range(note.span)), note.message)
            for note in item.notes
        ],
    )


# ------------------------------------------------------------------------------------------------------------- reading


def _hover(analysis: Analysis, params: types.HoverParams) -> types.Hover | None:
    found = hover.hover(analysis, analysis.text.offset(params.position))
    return types.Hover(_markdown(found.markdown), analysis.text.range(found.span)) if found is not None else None


def _inlay_hints(analysis: Analysis, params: types.InlayHintParams) -> list[types.InlayHint]:
    visible = analysis.text.span(params.range)
    return [
        types.InlayHint(analysis.text.position(offset), label, types.InlayHintKind.Type, padding_left=True)
        for offset, label in hints.shapes(analysis).items()
        if visible.start <= offset <= visible.end
    ]


def _signature_help(analysis: Analysis, params: types.SignatureHelpParams) -> types.SignatureHelp | None:
    found = signatures.signature_help(analysis, analysis.text.offset(params.position))
    if found is None:
        return None
    word = found.signature.word
    cls = words.component(word) if word else None
    about = found.signature.about if cls is None else words.brief(cls)
    information = types.SignatureInformation(
        str(found.signature),
        _markdown(about) if about else None,
        [
            types.ParameterInformation(str(each), words.meaning(word or "", each.name) or None)
            for each in found.signature.arguments
        ],
    )
    return types.SignatureHelp([information], 0, found.active)


def _definition(analysis: Analysis, params: types.DefinitionParams) -> types.Location | None:
    offset = analysis.text.offset(params.position)
    span = navigation.definition(analysis, offset)
    return types.Location(params.text_document.uri, analysis.text.range(span)) if span is not None else None


def _references(analysis: Analysis, params: types.ReferenceParams) -> list[types.Location]:
    offset = analysis.text.offset(params.position)
    spans = navigation.references(analysis, offset, params.context.include_declaration)
    return [types.Location(params.text_document.uri, analysis.text.range(span)) for span in spans]


# ------------------------------------------------------------------------------------------------------------- writing


def _completion(analysis: Analysis, params: types.CompletionParams) -> types.CompletionList:
    offset = analysis.text.offset(params.position)
    word = analysis.text.range(completion.word(analysis, offset))
    items = [
        types.CompletionItem(
            each.label,
            kind=_KINDS.get(each.kind, types.CompletionItemKind.Function),
            detail=each.detail or None,
            sort_text=f"{index:04}",
            text_edit=types.TextEdit(word, each.label),
            data=[params.text_document.uri, each.label, each.binding and each.binding.start],
        )
        for index, each in enumerate(completion.completions(analysis, offset))
    ]
    return types.CompletionList(False, items)


async def _resolve(ls: Server, item: types.CompletionItem) -> types.CompletionItem:
    """Add the documentation to a completion, when the client shows it."""
    about: str | None = None
    match item.data:
        case [str(uri), str(), int(binding)]:
            found = await ls.ask(ls.document(uri), ls.building, lambda analysis: hover.hover(analysis, binding))
            about = found.markdown if found is not None else None
        case [str(uri), str(word), None]:
            about = ls.document(uri).project.run(words.documentation, word)
    item.documentation = _markdown(about) if about else None
    return item


def _prepare_rename(analysis: Analysis, params: types.PrepareRenameParams) -> types.Range:
    offset = analysis.text.offset(params.position)
    return analysis.text.range(_refused(lambda: navigation.renamable(analysis, offset)))


def _rename(analysis: Analysis, params: types.RenameParams) -> types.WorkspaceEdit:
    offset = analysis.text.offset(params.position)
    spans = _refused(lambda: navigation.rename(analysis, offset, params.new_name))
    edits = [types.TextEdit(analysis.text.range(span), params.new_name) for span in spans]
    return types.WorkspaceEdit({params.text_document.uri: edits})


def _refused(ask: Callable[[], Result]) -> Result:
    """The result of a renaming; if it is impossible, the answer is an error, which the editor shows."""
    try:
        return ask()
    except navigation.RenameError as error:
        raise JsonRpcInvalidParams(str(error)) from None


async def _code_actions(ls: Server, params: types.CodeActionParams) -> list[types.CodeAction | types.Command]:
    """The nearest fixes in a range, a fix that makes all of them at once, and a link to the generated code."""
    document = ls.document(params.text_document.uri)
    return await ls.ask(document, ls.answering, partial(_actions, params, document.edition, ls.resolves_edits))


def _actions(
    params: types.CodeActionParams, edition: int, resolved: bool, analysis: Analysis
) -> list[types.CodeAction | types.Command]:
    uri, selected, only = params.text_document.uri, analysis.text.span(params.range), params.context.only
    found: Sequence[fixes.Fix] = ()
    if only is None or {types.CodeActionKind.QuickFix, types.CodeActionKind.Empty} & {*only}:
        found = fixes.fixes(analysis, selected.start, selected.end)
    quick = [
        types.CodeAction(fix.title, diagnostics=[_diagnostic(analysis, fix.diagnostic, uri)], is_preferred=True)
        for fix in fixes.nearest(found)
    ]
    if len(found) > 1:
        quick.append(types.CodeAction(f"Replace all {len(found)} misspellings"))
    for index, action in enumerate(quick):
        action.kind = types.CodeActionKind.QuickFix
        if resolved:
            action.data = [uri, edition, selected.start, selected.end, index]
        else:
            action.edit = _edit(analysis, uri, selected.start, selected.end, index)
    if not analysis.failed and only is None:
        return [*quick, types.Command("Open the generated code", OPEN_GENERATED, arguments=[uri, selected.start])]
    return [*quick]


async def _resolve_action(ls: Server, action: types.CodeAction) -> types.CodeAction:
    """Add the edits to a code action, when the user chooses it."""
    match action.data:
        case [str(uri), int(edition), int(start), int(end), int(index)]:
            document = ls.document(uri)
            if document.edition != edition:
                raise JsonRpcContentModified(f"{OUTDATED} since the action was offered")
            action.edit = await ls.ask(document, ls.answering, lambda analysis: _edit(analysis, uri, start, end, index))
    return action


def _edit(analysis: Analysis, uri: str, start: int, end: int, index: int) -> types.WorkspaceEdit:
    """The edits of the action with this index: one fix, or after the last one, all fixes."""
    found = fixes.fixes(analysis, start, end)
    made = fixes.nearest(found)[index : index + 1] or found
    return types.WorkspaceEdit({uri: [types.TextEdit(analysis.text.range(fix.span), fix.replacement) for fix in made]})


async def _open_generated(ls: Server, uri: str = "", offset: int = 0) -> None:
    """Show the generated code of the statement at an offset: in the built file if it is current, and else in a copy."""
    document = ls.document(uri)
    found = await ls.ask(document, ls.building, lambda analysis: _generated(ls, document.project, analysis, offset))
    if found is None:
        return
    path, lines = found
    selection = types.Range(types.Position(lines.first - 1, 0), types.Position(lines.last, 0))
    shown = types.ShowDocumentParams(from_fs_path(str(path)) or path.as_uri(), take_focus=True, selection=selection)
    if ls.client_capabilities.window is not None and ls.client_capabilities.window.show_document is not None:
        ls.window_show_document(shown)
    else:
        message = f"The generated code is in {path}, line {lines.first}"
        ls.window_show_message(types.ShowMessageParams(types.MessageType.Info, message))


def _generated(ls: Server, project: Project, analysis: Analysis, offset: int) -> tuple[Path, Lines] | None:
    """The file with the generated code, and the lines in it; None if the `.nn` file has errors."""
    settings, folder = project.settings, ls.projects.folder
    made = generated.generated(analysis, building.options(settings))
    if made is None:
        return None
    source = Path(analysis.source.path)
    source, folders = source if source.stem else Path("model.nn"), [folder / path for path in settings.sources]
    path = _absolute(building.target_of(source, map(_absolute, folders), folder / settings.out))
    if not _holds(path, made.text):
        path = ls.scratch / path.name[-100:]
        path.unlink(missing_ok=True)
        path.write_text(made.text, "utf-8", newline="\n")
        path.chmod(0o400)
    return path, generated.lines_of(analysis, offset, made)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))


def _holds(path: Path, text: str) -> bool:
    try:
        return files.read(path).replace(b"\r\n", b"\n") == text.encode()
    except OSError:
        return False


def _formatting(analysis: Analysis, params: types.DocumentFormattingParams) -> list[types.TextEdit] | None:
    try:
        text = format_text(analysis.source.text)
    except Unreadable:
        return None  # it already has diagnostics
    return [] if text == analysis.source.text else [types.TextEdit(analysis.text.whole, text)]


def _markdown(text: str) -> types.MarkupContent:
    return types.MarkupContent(types.MarkupKind.Markdown, text)


_HANDLERS: dict[str, tuple[Callable[..., Any], Any]] = {
    types.TEXT_DOCUMENT_DID_OPEN: (_opened, None),
    types.TEXT_DOCUMENT_DID_CHANGE: (_changed, None),
    types.TEXT_DOCUMENT_DID_CLOSE: (_closed, None),
    types.SHUTDOWN: (_shut_down, None),
    types.TEXT_DOCUMENT_CODE_ACTION: (
        _code_actions,
        types.CodeActionOptions([types.CodeActionKind.QuickFix], resolve_provider=True),
    ),
    types.CODE_ACTION_RESOLVE: (_resolve_action, None),
    types.COMPLETION_ITEM_RESOLVE: (_resolve, None),
}
"""The server's features by the protocol's names for them, with their options."""

_FEATURES: dict[str, tuple[Callable[[Analysis, Any], Any], Any]] = {
    types.TEXT_DOCUMENT_HOVER: (_hover, None),
    types.TEXT_DOCUMENT_INLAY_HINT: (_inlay_hints, None),
    types.TEXT_DOCUMENT_COMPLETION: (
        _completion,
        types.CompletionOptions(trigger_characters=[".", "(", ",", "=", "{", '"', "'"], resolve_provider=True),
    ),
    types.TEXT_DOCUMENT_SIGNATURE_HELP: (_signature_help, types.SignatureHelpOptions(["(", ","])),
    types.TEXT_DOCUMENT_DEFINITION: (_definition, None),
    types.TEXT_DOCUMENT_REFERENCES: (_references, None),
    types.TEXT_DOCUMENT_PREPARE_RENAME: (_prepare_rename, None),
    types.TEXT_DOCUMENT_RENAME: (_rename, types.RenameOptions(prepare_provider=True)),
    types.TEXT_DOCUMENT_FORMATTING: (_formatting, None),
}
"""The same for requests about the text of a document, which look only at its analysis."""

_SLOW = {types.TEXT_DOCUMENT_HOVER, types.TEXT_DOCUMENT_FORMATTING}
"""Requests that may take as long as a build; others do not wait for them."""
