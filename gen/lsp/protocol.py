"""Reads messages as pygls does, but answers every request, including those that break the protocol."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from lsprotocol import types
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcMethodNotFound,
    JsonRpcParseError,
    JsonRpcServerNotInitialized,
)
from pygls.protocol import LanguageServerProtocol


class Protocol(LanguageServerProtocol):
    """Refuses requests, and skips notifications, that are malformed or come at the wrong time."""

    _begun = _ended = False

    def receive(self, body: bytes) -> None:
        """Read and handle one message."""
        try:
            message = json.loads(body, object_hook=self.structure_message)
        except (ValueError, RecursionError):
            self._refuse(None, JsonRpcParseError("A message is JSON, in UTF-8"))
            return
        if hasattr(message, "jsonrpc"):
            self.handle_message(message)
        elif message is not None:
            self._refuse(None, JsonRpcInvalidRequest("A message is an object of JSON-RPC 2.0"))

    def structure_message(self, data: dict[str, Any]) -> Any:
        """The message that a JSON object represents; None if the server refuses or skips it."""
        method, id_ = data.get("method"), data.get("id")
        try:
            message = super().structure_message(data)
        except JsonRpcException:
            message = None
        if not isinstance(method, str) or not isinstance(id_, int | str) or hasattr(message, "id"):
            return message
        known = self.get_message_type(method) is not None
        error = JsonRpcInvalidParams(f"The parameters of {method} are not as the protocol says")
        self._refuse(id_, error if known else JsonRpcMethodNotFound.of(method))
        return None

    def handle_message(self, message: Any) -> None:
        method, id_ = getattr(message, "method", None), getattr(message, "id", None)
        refusal = self._refusal(message, method) if method is not None else None
        if refusal is None:
            super().handle_message(message)
        elif id_ is not None:
            self._refuse(id_, refusal)

    def _refusal(self, message: Any, method: str) -> JsonRpcException | None:
        """The reason why the client may not send this message now, or `""`."""
        if method == types.EXIT:
            return None
        if self._ended:
            return JsonRpcInvalidRequest("The server is shut down")
        if self._begun == (method == types.INITIALIZE):
            if self._begun:
                return JsonRpcInvalidRequest("The server is already initialized")
            return JsonRpcServerNotInitialized("The server is not initialized yet")
        self._begun, self._ended = True, method == types.SHUTDOWN
        if method == types.TEXT_DOCUMENT_DID_CHANGE:
            uri = message.params.text_document.uri
            if unquote(uri) not in self.workspace.text_documents:
                return JsonRpcInvalidParams(f"No document {uri} is open")
        return None

    def _refuse(self, id_: int | str | None, error: JsonRpcException) -> None:
        reason = {"code": error.code, "message": error.message}
        self._send_data({"jsonrpc": self.VERSION, "id": id_, "error": reason})
