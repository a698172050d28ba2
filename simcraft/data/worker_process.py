"""A process that makes rows for a `LocalPool`: `python -m simcraft.data.worker_process DESCRIPTOR`.

DESCRIPTOR is the worker's end of a pipe. It is sent a `Maker` with the number of scenes a Blender, then rows, then
None. It answers "ready" when it can begin, an `Outcome` for each row, and a `Problem` where it cannot begin.

When its end of the pipe is all that is left, the pool is gone, however it ended: the worker then leaves at once, and
takes its Blender with it. SIGTERM does the same.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from simcraft.data.pool import make_outcome, problem_of

READY = "ready"
GRACE = 3.0
"""Seconds in which what runs must have ended after SIGTERM: longer than a Blender takes to be killed."""


def main(descriptor: int) -> None:
    """Make rows until there are no more."""
    signal.signal(signal.SIGTERM, _leave)
    connection = Connection(descriptor)
    messages = _listen(connection)
    maker, recycle = messages.get()
    try:
        with maker(recycle) as make:
            connection.send(READY)
            while (row := messages.get()) is not None:
                connection.send(make_outcome(make, row))
    except BrokenPipeError:
        pass  # the pool is gone
    except Exception as error:
        connection.send(problem_of(error))


def _leave(*_: Any) -> NoReturn:
    """End what the main thread does, by way of all its `finally`."""
    sys.exit(1)


def _listen(connection: Connection) -> queue.Queue[Any]:
    """What the pool sends, read by a thread of its own: it notices that the pool is gone while a row is made."""
    messages: queue.Queue[Any] = queue.Queue()

    def listen() -> None:
        try:
            while True:
                messages.put(connection.recv())
        except (EOFError, OSError):
            os.kill(os.getpid(), signal.SIGTERM)
            # where the main thread is deep in a kernel it does not notice
            time.sleep(GRACE)
            os._exit(1)

    threading.Thread(target=listen, daemon=True).start()
    return messages


if __name__ == "__main__":
    main(int(sys.argv[1]))
