"""Running uv and pip: what they print is told line by line, and they are ended with whoever runs them."""

from __future__ import annotations

import queue
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

from . import commands, troubles
from .downloads import Report
from .request import Installation

TICK_SECONDS = 0.2
"""Progress is reported at least this often."""
_LAST_LINES = 200


def run(
    command: list[str],
    request: Installation,
    report: Report,
    told: Callable[[str], None] = lambda line: None,
) -> None:
    """Run uv or pip, and tell `told` each line that it prints; `report` is called often, and may raise to end it.

    Raises `SetupError` where it fails.
    """
    print(f"\n$ {without_passwords(subprocess.list2cmdline(command))}", file=sys.stderr, flush=True)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=commands.environment(request),
        cwd=request.folder,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(process, lines), daemon=True).start()
    last: list[str] = []
    try:
        for line in _with_ticks(lines):
            if line:
                told(line)
                last = [*last[-_LAST_LINES:], line]
            report(0, 0, "")
    finally:
        process.kill()
        code = process.wait()
    if code != 0:
        raise troubles.explain("\n".join(last), request.folder, request.online)


def without_passwords(text: str) -> str:
    """The text with names and passwords in addresses left out: logs are sent to others."""
    return re.sub(r"(?<=://)[^/@\s]+@", "", text)


def _read(process: subprocess.Popen[bytes], lines: queue.SimpleQueue[str | None]) -> None:
    assert process.stdout is not None
    for raw in process.stdout:
        line = raw.decode("utf-8", "replace").rstrip()
        print(line, file=sys.stderr, flush=True)
        lines.put(line)
    process.wait()
    lines.put(None)


def _with_ticks(lines: queue.SimpleQueue[str | None]) -> Iterator[str]:
    """The lines as they come, and "" where none has come for a while."""
    while True:
        try:
            line = lines.get(timeout=TICK_SECONDS)
        except queue.Empty:
            yield ""
            continue
        if line is None:
            return
        yield line
