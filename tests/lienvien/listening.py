"""What stands in for a running process behind its local door."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Running:
    """Answers every request alike, or hangs up on it."""

    status: int = 200
    hangs_up: bool = False
    answer: dict[str, Any] = field(default_factory=lambda: {"from": "the process"})
    asked: list[str] = field(default_factory=list)


@contextmanager
def listening(running: Running) -> Iterator[str]:
    """Its address, while it listens on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def reply(self) -> None:
            running.asked.append(self.path)
            if running.hangs_up:
                self.close_connection = True
                return
            body = json.dumps(running.answer).encode()
            self.send_response(running.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = reply  # noqa: N815  the names that the server calls

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
