"""Progress and metrics over HTTP: ``/progress``, ``/metrics``, ``/healthz``."""

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from pipelinerun.api.job import RunIdentity
from pipelinerun.worker.board import Board
from pipelinerun.worker.metrics import registry_of

_JSON = "application/json"


def serve(port: int, run: RunIdentity, board: Board) -> int:
    """Answer requests in threads of their own until the process ends; returns the port.

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

        def log_message(self, *_: object) -> None:
            """The log is the pipeline's."""

    server = ThreadingHTTPServer(("", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    return int(server.server_address[1])
