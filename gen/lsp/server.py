"""The server: what the protocol asks, handed to the features; what they say, in the protocol's terms."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams
from pygls.lsp.server import LanguageServer
from pygls.uris import from_fs_path, to_fs_path

from gen import __version__, files
from gen.building import CommandError, ignored, load_components, target_of
from gen.diagnostics import Diagnostic, Span
from gen.formatting import Unreadable, format_text
from gen.lsp import completion, fixes, generated, hints, hover, navigation, signatures, words
from gen.lsp.analysis import Analysis, analyse
from gen.settings import Settings, SettingsError, load

Result = TypeVar("Result")

OPEN_GENERATED = "gen.openGenerated"
"""The command that shows the generated code: of a document, at an offset."""

PAUSE = 0.02
"""How many seconds nothing is typed before diagnostics are sent: of many changes at once, the last counts."""

_KINDS = {
    "variable": types.CompletionItemKind.Variable,
    "output": types.CompletionItemKind.Field,
    "argument": types.CompletionItemKind.Property,
    "value": types.CompletionItemKind.EnumMember,
    "keyword": types.CompletionItemKind.Keyword,
    "module": types.CompletionItemKind.Module,
    "method": types.CompletionItemKind.Method,
    "layer": types.CompletionItemKind.Class,
}
"""The protocol's kinds of completions; components besides layers are functions."""


class Server(LanguageServer):
    """The language server of `.nn` files."""

    def __init__(self, scratch: Path) -> None:
        super().__init__("gen", __version__, types.TextDocumentSyncKind.Full)
        self._analyses: dict[str, tuple[str, Analysis]] = {}
        self._waiting: dict[str, asyncio.TimerHandle] = {}
        self.folder = Path(os.curdir)
        self.settings = Settings()
        """Those that hold in `folder`, the one that the editor has open; paths in them are relative to it."""
        self.scratch = scratch
        """The folder for generated files that are shown and not built."""

    def analysis(self, uri: str) -> Analysis:
        """The analysis of a document as it is now."""
        text = self.workspace.get_text_document(uri).source
        known, before = self._analyses.get(uri, (None, None))
        if before is None or known != text:
            encoding = self.workspace.position_encoding or types.PositionEncodingKind.Utf16
            before = analyse(to_fs_path(uri) or uri, text, types.PositionEncodingKind(encoding), before)
            self._analyses[uri] = text, before
        return before

    def place(self, document: types.TextDocumentIdentifier, position: types.Position) -> tuple[Analysis, int]:
        """The analysis of a document, and the offset of a position in it."""
        analysis = self.analysis(document.uri)
        return analysis, analysis.text.offset(position)

    def publish_soon(self, uri: str) -> None:
        """Send the diagnostics of a document, unless it changes again at once."""
        self._stop_waiting(uri)
        self._waiting[uri] = asyncio.get_running_loop().call_later(PAUSE, self._publish, uri)

    def forget(self, uri: str) -> None:
        """A document is closed: it has no diagnostics any more."""
        self._stop_waiting(uri)
        self._analyses.pop(uri, None)
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, []))

    def _stop_waiting(self, uri: str) -> None:
        if uri in self._waiting:
            self._waiting.pop(uri).cancel()

    def _publish(self, uri: str) -> None:
        self._waiting.pop(uri, None)
        analysis = self.analysis(uri)
        items = [_diagnostic(analysis, item, uri) for item in analysis.diagnostics]
        if analysis.bug is not None:
            items.append(types.Diagnostic(analysis.text.range(Span(0, 0)), analysis.bug, source="gen"))
        version = self.workspace.get_text_document(uri).version
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, items, version))


def serve(components: Iterable[Path] = ()) -> None:
    """Serve one client over standard input and output, to its end.

    What else is printed, as by components of the user's own, goes to standard error: it is no part of the protocol.
    """
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    logging.getLogger("pygls.protocol.json_rpc").addFilter(_unexpected)
    with TemporaryDirectory(prefix="gen-") as scratch:
        create(Path(scratch), components).start_io(sys.stdin.buffer, output)


def _unexpected(record: logging.LogRecord) -> bool:
    """Whether to log a record: not a request that is refused with a reason, which is no failure of the server."""
    return not (record.exc_info and isinstance(record.exc_info[1], JsonRpcInvalidParams))


def create(scratch: Path, components: Iterable[Path]) -> Server:
    """A server with all features; `components` are files with components of the user's own."""
    server = Server(scratch)
    given = tuple(components)

    def initialize(ls: Server, _: types.InitializeParams) -> None:
        _configure(ls, given)

    server.feature(types.INITIALIZE)(initialize)
    server.command(OPEN_GENERATED)(_open_generated)
    for name, (function, options) in _FEATURES.items():
        server.feature(name, options)(function)
    return server


def _configure(ls: Server, given: Sequence[Path]) -> None:
    """Read the settings of the open folder, and the components that they name; what is wrong with them is shown."""
    uris = [ls.workspace.root_uri, *ls.workspace.folders]
    ls.folder = _absolute(Path(next(filter(None, (to_fs_path(uri) for uri in uris if uri)), os.curdir)))
    try:
        ls.settings = load(ls.folder, ls.folder)
        for note in ignored(ls.settings):
            ls.window_show_message(types.ShowMessageParams(types.MessageType.Warning, f"gen: {note}"))
        load_components([ls.folder / path for path in ls.settings.components], own=True)
        load_components(given)
    except (CommandError, SettingsError, OSError) as error:
        ls.window_show_message(types.ShowMessageParams(types.MessageType.Error, f"gen: {error}"))


# ----------------------------------------------------------------------------------------------------------- documents


def _opened(ls: Server, params: types.DidOpenTextDocumentParams) -> None:
    ls.analysis(params.text_document.uri)  # at once, for what is good now is remembered
    ls.publish_soon(params.text_document.uri)


def _changed(ls: Server, params: types.DidChangeTextDocumentParams) -> None:
    ls.publish_soon(params.text_document.uri)


def _closed(ls: Server, params: types.DidCloseTextDocumentParams) -> None:
    ls.forget(params.text_document.uri)


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


def _hover(ls: Server, params: types.HoverParams) -> types.Hover | None:
    analysis, offset = ls.place(params.text_document, params.position)
    found = hover.hover(analysis, offset)
    return types.Hover(_markdown(found.markdown), analysis.text.range(found.span)) if found is not None else None


def _inlay_hints(ls: Server, params: types.InlayHintParams) -> list[types.InlayHint]:
    analysis = ls.analysis(params.text_document.uri)
    wanted = analysis.text.span(params.range)
    return [
        types.InlayHint(analysis.text.position(offset), label, types.InlayHintKind.Type, padding_left=True)
        for offset, label in hints.shapes(analysis).items()
        if wanted.start <= offset <= wanted.end
    ]


def _signature_help(ls: Server, params: types.SignatureHelpParams) -> types.SignatureHelp | None:
    found = signatures.signature_help(*ls.place(params.text_document, params.position))
    if found is None:
        return None
    word = found.signature.word
    cls = words.component(word) if word else None
    information = types.SignatureInformation(
        str(found.signature),
        _markdown(words.brief(cls)) if cls is not None else None,
        [
            types.ParameterInformation(str(each), words.meaning(word or "", each.name) or None)
            for each in found.signature.arguments
        ],
    )
    return types.SignatureHelp([information], 0, found.active)


def _definition(ls: Server, params: types.DefinitionParams) -> types.Location | None:
    analysis, offset = ls.place(params.text_document, params.position)
    span = navigation.definition(analysis, offset)
    return types.Location(params.text_document.uri, analysis.text.range(span)) if span is not None else None


def _references(ls: Server, params: types.ReferenceParams) -> list[types.Location]:
    analysis, offset = ls.place(params.text_document, params.position)
    spans = navigation.references(analysis, offset, params.context.include_declaration)
    return [types.Location(params.text_document.uri, analysis.text.range(span)) for span in spans]


# ------------------------------------------------------------------------------------------------------------- writing


def _completion(ls: Server, params: types.CompletionParams) -> types.CompletionList:
    analysis, offset = ls.place(params.text_document, params.position)
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


def _resolve(ls: Server, item: types.CompletionItem) -> types.CompletionItem:
    """A completion with its documentation, which the client asks for when it shows it."""
    match item.data:
        case [str(uri), str(), int(binding)]:
            found = hover.hover(ls.analysis(uri), binding)
            about = found and found.markdown
        case [_, str(word), None]:
            about = words.documentation(word)
        case _:
            about = None
    item.documentation = _markdown(about) if about else None
    return item


def _prepare_rename(ls: Server, params: types.PrepareRenameParams) -> types.Range:
    analysis, offset = ls.place(params.text_document, params.position)
    return analysis.text.range(_refused(lambda: navigation.renamable(analysis, offset)))


def _rename(ls: Server, params: types.RenameParams) -> types.WorkspaceEdit:
    analysis, offset = ls.place(params.text_document, params.position)
    spans = _refused(lambda: navigation.rename(analysis, offset, params.new_name))
    edits = [types.TextEdit(analysis.text.range(span), params.new_name) for span in spans]
    return types.WorkspaceEdit({params.text_document.uri: edits})


def _refused(ask: Callable[[], Result]) -> Result:
    """What is asked for; what cannot be renamed is the answer's error, which the editor shows."""
    try:
        return ask()
    except navigation.RenameError as error:
        raise JsonRpcInvalidParams(str(error)) from None


def _code_actions(ls: Server, params: types.CodeActionParams) -> list[types.CodeAction | types.Command]:
    uri = params.text_document.uri
    analysis = ls.analysis(uri)
    wanted = analysis.text.span(params.range)
    actions: list[types.CodeAction | types.Command] = [
        types.CodeAction(
            found.title,
            types.CodeActionKind.QuickFix,
            [_diagnostic(analysis, found.diagnostic, uri)],
            is_preferred=True,
            edit=types.WorkspaceEdit(
                {uri: [types.TextEdit(analysis.text.range(found.diagnostic.span), found.replacement)]}
            ),
        )
        for found in fixes.fixes(analysis, wanted.start, wanted.end)
    ]
    if not analysis.failed:
        actions.append(types.Command("Open the generated code", OPEN_GENERATED, arguments=[uri, wanted.start]))
    return actions


def _open_generated(ls: Server, uri: str, offset: int) -> None:
    """Show the generated code of the statement at an offset: in the built file, if it is current, else in a copy."""
    analysis = ls.analysis(uri)
    made = generated.generated(analysis, ls.settings.inference)
    if made is None:
        return
    lines = generated.lines_of(analysis, offset, made)
    source, folders = Path(analysis.source.path), [ls.folder / path for path in ls.settings.sources]
    path = Path(os.path.abspath(target_of(source, map(_absolute, folders), ls.folder / ls.settings.out)))
    if not _holds(path, made.text):
        path = ls.scratch / path.name
        path.unlink(missing_ok=True)
        path.write_text(made.text, "utf-8", newline="\n")
        path.chmod(0o400)
    selection = types.Range(types.Position(lines.first - 1, 0), types.Position(lines.last, 0))
    shown = types.ShowDocumentParams(from_fs_path(str(path)) or path.as_uri(), take_focus=True, selection=selection)
    if ls.client_capabilities.window is not None and ls.client_capabilities.window.show_document is not None:
        ls.window_show_document(shown)
    else:
        message = f"The generated code is in {path}, line {lines.first}"
        ls.window_show_message(types.ShowMessageParams(types.MessageType.Info, message))


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))


def _holds(path: Path, text: str) -> bool:
    try:
        return files.read(path).replace(b"\r\n", b"\n") == text.encode()
    except OSError:
        return False


def _formatting(ls: Server, params: types.DocumentFormattingParams) -> list[types.TextEdit] | None:
    analysis = ls.analysis(params.text_document.uri)
    try:
        text = format_text(analysis.source.text)
    except Unreadable:
        return None  # its diagnostics are there already
    return [] if text == analysis.source.text else [types.TextEdit(analysis.text.whole, text)]


def _markdown(text: str) -> types.MarkupContent:
    return types.MarkupContent(types.MarkupKind.Markdown, text)


_FEATURES: dict[str, tuple[Callable[..., Any], Any]] = {
    types.TEXT_DOCUMENT_DID_OPEN: (_opened, None),
    types.TEXT_DOCUMENT_DID_CHANGE: (_changed, None),
    types.TEXT_DOCUMENT_DID_CLOSE: (_closed, None),
    types.TEXT_DOCUMENT_HOVER: (_hover, None),
    types.TEXT_DOCUMENT_INLAY_HINT: (_inlay_hints, None),
    types.TEXT_DOCUMENT_COMPLETION: (
        _completion,
        types.CompletionOptions(trigger_characters=[".", "(", ",", "=", "{", '"', "'"], resolve_provider=True),
    ),
    types.COMPLETION_ITEM_RESOLVE: (_resolve, None),
    types.TEXT_DOCUMENT_SIGNATURE_HELP: (_signature_help, types.SignatureHelpOptions(["(", ","])),
    types.TEXT_DOCUMENT_DEFINITION: (_definition, None),
    types.TEXT_DOCUMENT_REFERENCES: (_references, None),
    types.TEXT_DOCUMENT_PREPARE_RENAME: (_prepare_rename, None),
    types.TEXT_DOCUMENT_RENAME: (_rename, types.RenameOptions(prepare_provider=True)),
    types.TEXT_DOCUMENT_CODE_ACTION: (_code_actions, types.CodeActionOptions([types.CodeActionKind.QuickFix])),
    types.TEXT_DOCUMENT_FORMATTING: (_formatting, None),
}
"""The features by the protocol's names for them, with their options."""
