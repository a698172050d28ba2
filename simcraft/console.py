"""What the command line shows: progress with ETA on stderr, results on stdout, errors without a traceback."""

from __future__ import annotations

import errno
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from simcraft.errors import Cancelled, SimcraftError
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


def explain(error: BaseException) -> tuple[str, str, int] | None:
    """(message, fix, exit code) of an error that the user can act on; None for a defect of ours."""
    from simcraft.recording.format import RecordingError  # numpy: not for `simcraft --help`

    if isinstance(error, (Cancelled, KeyboardInterrupt)):
        return "Stopped.", getattr(error, "fix", ""), 130
    if isinstance(error, SimcraftError):
        return error.message, error.fix, error.exit_code
    if isinstance(error, RecordingError):
        return str(error), "Simulate again, or give the recording that was meant.", 2
    if isinstance(error, OSError):
        where = f" {error.filename}" if error.filename else ""
        known = {
            errno.ENOSPC: ("The disk is full.", "Free some space, or write elsewhere with --out.", 1),
            errno.EDQUOT: ("The disk quota is used up.", "Free some space, or write elsewhere with --out.", 1),
            errno.EROFS: (f"Cannot write{where}: the file system is read-only.", "Write elsewhere with --out.", 2),
            errno.EACCES: (f"No permission for{where}.", "Write elsewhere with --out, or change the permission.", 2),
            errno.EPERM: (f"No permission for{where}.", "Write elsewhere with --out, or change the permission.", 2),
            errno.ENOENT: (f"No such file or folder:{where}.", "Check the path.", 2),
            errno.ENOTDIR: (f"Not a folder:{where}.", "Check the path.", 2),
            errno.EISDIR: (f"A folder, not a file:{where}.", "Check the path.", 2),
        }
        return known.get(error.errno or 0)
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("simcraft"):
        return f"The Python package '{error.name}' is not installed.", "Run: make demo; simcraft doctor lists all.", 2
    if isinstance(error, MemoryError):
        return "Out of memory.", "Try a smaller --size or fewer --frames.", 1
    return None


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
