"""Where the processes of a container listen, as the kernel of this machine sees it."""

import ipaddress
import sys
from pathlib import Path

LISTENING = "0A"


def diagnosis(pid: int, port: int) -> str:
    """Return what is wrong with where a container listens; empty when that cannot be told."""
    found = listeners(pid)
    if found is None:
        return ""
    if not found:
        return f"It listens on no port. Let it listen on 0.0.0.0 port {port} (the PORT variable)."
    hosts = sorted(host for host, its_port in found if its_port == port)
    if hosts and all(ipaddress.ip_address(host).is_loopback for host in hosts):
        return f"It listens on {hosts[0]} port {port} only. Let it listen on 0.0.0.0."
    if hosts:
        return f"It listens on port {port}; look for what keeps it from answering."
    others = ", ".join(sorted({str(its_port) for _, its_port in found}))
    return (
        f"It listens on port {others}, not on {port}. "
        f"Let it listen on the port that the PORT variable names."
    )


def listeners(pid: int) -> set[tuple[str, int]] | None:
    """Return the addresses on which the process's network namespace takes connections.

    None where the kernel does not show them to us (another machine, another system).
    """
    found: set[tuple[str, int]] = set()
    for table in ("tcp", "tcp6"):
        try:
            rows = Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        except OSError:
            return None
        columns = [row.split() for row in rows]
        found |= {_address(column[1]) for column in columns if column[3] == LISTENING}
    return found


def _address(text: str) -> tuple[str, int]:
    """Return host and port of the kernel's notation: 32-bit words in the machine's byte order."""
    words, port = text.split(":")
    raw = b"".join(
        int(words[start : start + 8], 16).to_bytes(4, sys.byteorder)
        for start in range(0, len(words), 8)
    )
    return str(ipaddress.ip_address(raw)), int(port, 16)
