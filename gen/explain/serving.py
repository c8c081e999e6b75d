"""Where the page of `gen explain` goes: into a file, or to a browser, which shows each change as it is saved."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from gen import building, compiler, watching
from gen.building import CommandError, Request, reason, shown
from gen.diagnostics import render_text
from gen.emit.write import WriteError, overwrite
from gen.explain.page import PAGE_NUMBER, page, problem
from gen.facts import SizeError

MARK = '<meta name="generator" content="gen explain">'


def write_page(path: Path, text: str, force: bool = False) -> None:
    """Write a page.  Raises `CommandError` where there is another file, unless `force`, or the system refuses."""
    try:
        if not force and path.exists() and MARK.encode() not in path.read_bytes():
            raise CommandError(f"{shown(path)} is no page of `gen explain`; --force writes over it")
        overwrite(path, text)
    except WriteError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"cannot write {shown(path)}: {reason(error)}") from error


class Live:
    """A page that a server shows, and that is shown anew when it has changed."""

    def __init__(self) -> None:
        self.text, self.number = "", 0
        self.changed = threading.Condition()

    def show(self, text: str) -> None:
        with self.changed:
            self.text, self.number = text, self.number + 1
            self.changed.notify_all()

    def wait(self, number: int, seconds: float) -> int:
        """The number of the page that is shown, as soon as it is another one than `number`, or after so long."""
        with self.changed:
            self.changed.wait_for(lambda: self.number != number, seconds)
            return self.number


def server(live: Live, port: int) -> ThreadingHTTPServer:
    """A server for this machine alone.  Raises `CommandError` where the port is taken."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            head, _, number = self.path.rpartition("/")
            if self.path == "/":
                self.page()
            elif head == "/changes" and number.isdecimal():
                self.tell(int(number))
            else:
                self.send_error(HTTPStatus.NOT_FOUND)

        def page(self) -> None:
            live.wait(0, 60.0)  # for the first one
            with live.changed:
                data = live.text.replace(PAGE_NUMBER.format(0), PAGE_NUMBER.format(live.number), 1).encode()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(data)

        def tell(self, number: int) -> None:
            """Say when there is another page, and nothing now and then until it is there: is anybody listening?"""
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            try:
                while live.wait(number, 1.0) == number:
                    self.wfile.write(b":\n")
                self.wfile.write(b"data: changed\n\n")
            except OSError:
                return  # nobody reads any more

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing: standard error is for what is wrong with the model."""

    try:
        made = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise CommandError(f"cannot listen on port {port}: {reason(error)}") from error
    made.daemon_threads = True
    return made


def pages(path: Path, request: Request, batch: int, steps: int | None) -> Iterator[str]:
    """The page about a file, and another one whenever it or a component has changed; what is wrong is on the page."""
    seen: object = None
    for _ in watching.wakes(request):
        stamps = watching.stamps(request)
        if stamps != seen:
            seen = stamps
            yield _page(path, request, batch, steps)


def _page(path: Path, request: Request, batch: int, steps: int | None) -> str:
    try:
        building.load_components(request.components)
        with building.explained(path, request.components, request.debug):
            source, diagnostics = building.read(path)
            graph = None if diagnostics.failed else compiler.understand(source, diagnostics)
            if graph is None:
                return problem(path.name, render_text(source, diagnostics.in_source_order()))
            return page(source, graph, batch, steps, request.inference, live=True)
    except (CommandError, SizeError) as error:
        return problem(path.name, f"gen: {error}")


def serve(live: Live, made: ThreadingHTTPServer, pages: Iterable[str]) -> None:
    """Show each page in turn; ends when there is none left."""
    threading.Thread(target=made.serve_forever, daemon=True).start()
    try:
        for text in pages:
            live.show(text)
    finally:
        made.shutdown()
        made.server_close()
