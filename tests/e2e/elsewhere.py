"""A record system on another site, whose pages lead here."""

from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from typing_extensions import override


@contextmanager
def record_system(action: str, **fields: str) -> Iterator[str]:
    """The address of its one page, which has a form with these fields that goes to ``action``.

    It is reached as localhost, which is another site than 127.0.0.1.
    """
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(text)}">'
        for name, text in fields.items()
    )
    form = f'<form method="post" action="{escape(action)}">{hidden}<button>Open</button></form>'

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f"<!doctype html><title>Journal</title>{form}".encode())

        @override
        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://localhost:{server.server_port}/"
        finally:
            server.shutdown()
