"""What the command line shows: progress with ETA on stderr, results on stdout, errors without a traceback."""

from __future__ import annotations

import errno
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from simcraft.errors import Cancelled, DiskFull, Failure, SimcraftError, UserError
from simcraft.progress import Pace, Progress, silent


@contextmanager
def progress_display(quiet: bool = False) -> Iterator[Progress]:
    """A `Progress` that draws one bar a stage on a terminal, and prints a line now and then elsewhere."""
    if quiet:
        yield silent
    elif sys.stderr.isatty():
        with _bars() as report:
            yield report
    else:
        yield line_reporter()


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[detail]}"),
    )
    tasks: dict[str, Any] = {}
    with Bars(*columns, console=Console(stderr=True)) as bars:

        def report(stage: str, step: int, steps: int, detail: str = "") -> None:
            if stage not in tasks:
                # what was done before the work went on is no measure of its speed
                tasks[stage] = bars.add_task(stage, total=steps, completed=step, detail="")
            bars.update(tasks[stage], completed=step, total=steps, detail=detail)

        yield report


def line_reporter(every: float = 2.0) -> Progress:
    """A `Progress` that prints a line when a stage starts, ends, and every `every` seconds between."""
    pace = Pace()
    printed = 0.0

    def report(stage: str, step: int, steps: int, detail: str = "") -> None:
        nonlocal printed
        now, new = time.monotonic(), stage not in pace.begun
        left = pace.seconds_left(stage, step, steps)
        if not new and 0 < step < steps and now - printed < every:
            return
        printed = now
        eta = f", ETA {left:.0f} s" if left is not None and step < steps else ""
        figures = f" ({detail})" if detail else ""
        print(f"{stage}: {step} of {steps}{eta}{figures}", file=sys.stderr, flush=True)

    return report


def explain(error: BaseException) -> SimcraftError | None:
    """The error as one that the user can act on; None for a defect of ours."""
    from simcraft.recording.format import RecordingError  # numpy: not for `simcraft --help`

    if isinstance(error, (Cancelled, KeyboardInterrupt)):
        return Cancelled("Stopped.", getattr(error, "fix", ""))
    if isinstance(error, SimcraftError):
        return error
    if isinstance(error, RecordingError):
        return UserError(str(error), "Simulate again, or give the recording that was meant.")
    if isinstance(error, OSError):
        return _explain_system(error)
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("simcraft"):
        message = f"The Python package '{error.name}' is not installed."
        return UserError(message, "Run: make demo; simcraft doctor lists all.", ("engine",))
    if isinstance(error, MemoryError):
        return Failure("Out of memory.", "Try a smaller --size or fewer --frames.", ("size", "frames"))
    return None


def _explain_system(error: OSError) -> SimcraftError | None:
    """What the operating system refuses."""
    where, elsewhere = f" {error.filename}" if error.filename else "", "Write elsewhere with --out"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        message = "The disk is full." if error.errno == errno.ENOSPC else "The disk quota is used up."
        return DiskFull(message, "Free some space, or write elsewhere with --out.", ("disk", "out"))
    if error.errno == errno.EROFS:
        return UserError(f"Cannot write{where}: the file system is read-only.", f"{elsewhere}.", ("out",))
    if error.errno in (errno.EACCES, errno.EPERM):
        return UserError(f"No permission for{where}.", f"{elsewhere}, or change the permission.", ("out",))
    paths = {
        errno.ENOENT: "No such file or folder",
        errno.ENOTDIR: "Not a folder",
        errno.EISDIR: "A folder, not a file",
    }
    said = paths.get(error.errno or 0)
    return None if said is None else UserError(f"{said}:{where}.", "Check the path.")


def show_error(message: str, fix: str, as_json: bool = False) -> None:
    """Print an error the way the caller reads: two lines on stderr, or one JSON object on stdout."""
    if as_json:
        print(json.dumps({"error": message, "fix": fix}), flush=True)
    print(f"error: {message}" + (f"\n       {fix}" if fix else ""), file=sys.stderr, flush=True)


def show_result(result: dict[str, Any], as_json: bool) -> None:
    """Print a result: aligned lines for people (warnings were shown before), one JSON object for machines."""
    if as_json:
        print(json.dumps(result, default=str), flush=True)
        return
    shown = {name: value for name, value in result.items() if name != "warnings"}
    width = max(len(name) for name in shown)
    for name, value in shown.items():
        print(f"{name:<{width}}  {value}", flush=True)
