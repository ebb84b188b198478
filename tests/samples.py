"""Tiny apps that tests and benchmarks push. Each answers with its version."""

SERVER = """
import os, signal, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = "{version}"


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body go out in two writes

    def do_GET(self):
        if self.path.startswith("/slow"):
            time.sleep(5)
        if self.path.startswith("/env/"):
            body = os.environ.get(self.path[5:], "(none)").encode("utf-8", "surrogateescape")
        else:
            body = ("version " + VERSION).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


server = Server(("0.0.0.0", int(os.environ["PORT"])), Answer)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print("listening, version " + VERSION, flush=True)
server.serve_forever()
"""

DOCKERFILE = """FROM empire/python:3
WORKDIR /app
COPY app.py .
CMD ["python3", "-u", "app.py"]
"""


def with_dockerfile(version: str) -> dict[str, str]:
    """Return the files of an app with a Dockerfile."""
    return {"Dockerfile": DOCKERFILE, "app.py": SERVER.replace("{version}", version)}


def with_buildpack(version: str) -> dict[str, str]:
    """Return the files of an app that the Python buildpack builds."""
    return {
        "requirements.txt": "",
        "Procfile": "web: python -u app.py\n",
        "app.py": SERVER.replace("{version}", version),
    }


WORKER = """
import os, sys, time

print("working", flush=True)
time.sleep(0.6)
if os.environ.get("WORKER") == "crash":
    sys.exit("no queue to work on")
hoard = []
while os.environ.get("WORKER") == "hoard":
    hoard.append(b"x" * 1024 * 1024)
while True:
    time.sleep(60)
"""


def with_worker(version: str) -> dict[str, str]:
    """Return the files of an app with a web process and a worker that the var WORKER breaks."""
    dockerfile = DOCKERFILE.replace("COPY app.py", "COPY app.py worker.py")
    procfile = "web: python3 -u app.py\nworker: python3 -u worker.py\n"
    files = with_dockerfile(version)
    return {**files, "Dockerfile": dockerfile, "worker.py": WORKER, "Procfile": procfile}
