"""Writes the page of `gen explain` to a file, or serves it to a browser, which shows each saved change."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from http.client import HTTP_PORT
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from gen import compiler
from gen.commands import building, watching
from gen.commands.building import CommandError, Request, shown
from gen.diagnostics import render_text
from gen.files import Bounds, WriteError, place, reason
from gen.inspect.explain.page import PAGE_NUMBER, page, problem
from gen.inspect.facts import SizeError
from gen.settings import SettingsError, load

HOSTS = ("127.0.0.1", "localhost", "[::1]")
"""The host names that the server answers to, at its own port."""
MARK = '<meta name="generator" content="gen explain">'


def write_page(path: Path, text: str, force: bool = False) -> None:
    """Write a page.  Raises `CommandError` if the system refuses, or another file is there and `force` is not set."""
    try:
        with place(path, Bounds(path.parent)) as found:
            status = found.status()
            if status is not None and not force and MARK.encode() not in found.read():
                raise CommandError(f"{shown(path)} is not a page of `gen explain`; --force overwrites it")
            found.replace(text.encode(), status)
    except WriteError as error:
        raise CommandError(str(error)) from error


class Server(ThreadingHTTPServer):
    """Serves a page to this machine only, and tells it about changes.  Raises `CommandError` if its port is taken."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        self.page, self.number = "", 0
        self.changed = threading.Condition()
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except OSError as error:
            raise CommandError(f"cannot listen on port {port}: {reason(error)}") from error

    def show(self, page: str) -> None:
        with self.changed:
            self.page, self.number = page, self.number + 1
            self.changed.notify_all()

    def wait(self, number: str, seconds: float | None = None) -> bool:
        """Whether there is another page than the one with this number, now or within this many seconds."""
        with self.changed:
            return self.changed.wait_for(lambda: str(self.number) != number, seconds)

    def numbered_page(self) -> str:
        """The page with its number, as soon as there is one."""
        self.wait("0")
        with self.changed:
            return self.page.replace(PAGE_NUMBER.format(0), PAGE_NUMBER.format(self.number), 1)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a browser that has gone away, because standard error is for problems of the model."""


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        head, _, number = self.path.rpartition("/")
        if not self.is_asked_for_by_name():
            self.send_error(HTTPStatus.FORBIDDEN, explain="gen answers only to 127.0.0.1 and localhost")
        elif self.path == "/":
            self.answer("text/html; charset=utf-8", self.server.numbered_page().encode())
        elif head == "/changes":
            self.answer("text/event-stream")
            while not self.server.wait(number, 1.0):
                self.wfile.write(b":\n")  # is the client still connected?
            self.wfile.write(b"data: changed\n\n")
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def is_asked_for_by_name(self) -> bool:
        """Whether the browser asks for this machine by name, because a foreign name may resolve to it too."""
        port = self.server.server_port
        hosts = {f"{name}:{port}" for name in HOSTS} | (set(HOSTS) if port == HTTP_PORT else set())
        asked, origins = self.headers.get_all("Host", []), self.headers.get_all("Origin", [])
        return (
            len(asked) == 1
            and asked[0].strip().lower() in hosts
            and all(origin.strip().lower() in {f"http://{host}" for host in hosts} for origin in origins)
        )

    def answer(self, kind: str, data: bytes = b"") -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:
        """Do not log requests."""


def wakes(request: Request) -> Iterator[object]:
    """Yield whenever the file may have changed.  Raises `CommandError` if it is no file, or watchfiles is missing."""
    for path in request.sources:
        building.read(path)
    return watching.wakes(request)


def pages(request: Request, wakes: Iterable[object], batch: int, steps: int | None) -> Iterator[str]:
    """Yield the page about a file, and a new one when it or a component changes; errors are on the page."""
    seen: object = None
    for _ in wakes:
        stamps = watching.stamps(request)
        if stamps != seen:
            seen = stamps
            yield _page(request, batch, steps)


def _page(request: Request, batch: int, steps: int | None) -> str:
    (path,) = request.sources
    try:
        settings = load(path.parent).under(request.given)
        building.load_project(settings)
        with building.explained(path, settings.every_component, request.debug):
            source, diagnostics = building.read(path)
            known = settings.define, settings.model(path)
            graph = None if diagnostics.failed else compiler.understand(source, diagnostics, *known)
            if graph is None:
                return problem(path.name, render_text(source, diagnostics.in_source_order()))
            return page(source, graph, batch, steps, building.options(settings, request.debug), live=True)
    except (CommandError, SettingsError, SizeError) as error:
        return problem(path.name, f"gen: {error}")


def serve(server: Server, pages: Iterable[str]) -> None:
    """Show each page in turn, until there are no more."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        for text in pages:
            server.show(text)
    finally:
        server.shutdown()
        server.server_close()
