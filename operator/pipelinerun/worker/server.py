"""Over HTTP: ``/progress``, ``/metrics``, ``/healthz``, and ``/drain`` to be told."""

import json
import secrets
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from pipelinerun.api.job import RunIdentity
from pipelinerun.worker.board import Board
from pipelinerun.worker.metrics import registry_of

_JSON = "application/json"
_LONGEST_ORDER = 256


def serve(port: int, run: RunIdentity, board: Board, drain: Callable[[], None]) -> int:
    """Answer requests in threads of their own until the process ends; returns the port.

    ``drain`` is called for a POST to ``/drain`` by somebody who knows the run's uid.

    Raises:
        OSError: the port is taken.
    """
    registry = registry_of(run, board)

    def progress() -> bytes:
        stages = [stage.model_dump(mode="json", by_alias=True) for stage in board.stages]
        return json.dumps({"uid": run.uid, "attempt": run.attempt, "stages": stages}).encode()

    pages: Mapping[str, tuple[str, Callable[[], bytes]]] = {
        "/progress": (_JSON, progress),
        "/metrics": (CONTENT_TYPE_LATEST, lambda: generate_latest(registry)),
        "/healthz": ("text/plain", lambda: b"ok\n"),
    }

    class Handler(BaseHTTPRequestHandler):
        timeout = 10.0

        def do_GET(self) -> None:
            page = pages.get(self.path)
            if page is None:
                self.send_error(404)
                return
            content_type, render = page
            body = render()
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            length = min(int(self.headers.get("Content-Length") or 0), _LONGEST_ORDER)
            if self.path != "/drain":
                self.send_error(404)
            elif not secrets.compare_digest(self.rfile.read(length), run.uid.encode()):
                self.send_error(403)
            else:
                drain()
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *_: object) -> None:
            """The log is the pipeline's."""

    server = ThreadingHTTPServer(("", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    return int(server.server_address[1])
