"""Says hello on $PORT through the standard library's WSGI server."""

import os
import signal
import sys
from collections.abc import Iterable
from wsgiref.simple_server import make_server
from wsgiref.types import StartResponse, WSGIEnvironment


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"Hello from a Dockerfile\n"]


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with make_server("", int(os.environ.get("PORT", "8000")), app) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
