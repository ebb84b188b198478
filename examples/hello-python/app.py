"""Says hello on $PORT. Needs nothing but Python."""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GREETING = os.environ.get("GREETING", "Hello from version 1")


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"{GREETING}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        print(self.address_string(), format % args, flush=True)


class Server(ThreadingHTTPServer):
    # On the way out, requests that have begun are answered to the end.
    daemon_threads = False


def main() -> None:
    # SIGTERM ends the loop as Ctrl-C does, and server_close then waits for what is in flight.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Server(("", int(os.environ.get("PORT", "8000"))), Hello) as server:
        print("Listening on port", server.server_port, flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("Stopping", flush=True)


if __name__ == "__main__":
    sys.exit(main())
