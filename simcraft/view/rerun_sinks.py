"""Where Rerun's data goes: into a file, or to a viewer that is started."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simcraft.clip.files import complete_file
from simcraft.errors import Failure, UserError
from simcraft.progress import Progress, silent
from simcraft.view.inputs import Input
from simcraft.view.rerun_layout import blueprint_of
from simcraft.view.rerun_log import log_inputs

INSTALL = 'Install it with: pip install -e ".[view]"'
_PORT = 9876
"""Rerun's own default, so that a viewer that is open already is used."""
_WITHOUT_VIEWER = "Write files instead: --save NAME.rrd, --html, --png."
_END = bytes(16)
"""The last message of an .rrd file (re_log_encoding, 0.23): of kind 0, and empty."""


def rerun_problem() -> str:
    """Why Rerun cannot be used, "" where it can."""
    try:
        import rerun  # noqa: F401
    except ModuleNotFoundError as error:
        return f"The Python package '{error.name}' is not installed."
    except ImportError as error:  # its own packages do not fit together
        return f"Rerun cannot be loaded ({error})."
    return ""


def require_rerun() -> None:
    """Raise `UserError` that says how to install Rerun where it cannot be used."""
    if problem := rerun_problem():
        raise UserError(problem, INSTALL)


def save_rrd(
    inputs: Sequence[Input], path: Path, *, size: tuple[int, int] | None = None, progress: Progress = silent
) -> Path:
    """Write everything to an .rrd file, which appears when it is complete; its pictures are shrunk to fit `size`.

    Raises `UserError` where Rerun is missing or `path` is not writable, `Failure` where the disk is full.
    """
    require_rerun()
    path.parent.mkdir(parents=True, exist_ok=True)
    with complete_file(path) as temporary:
        stream = _new_stream(inputs)
        try:
            stream.save(temporary)
            stream.send_blueprint(blueprint_of(inputs))
            log_inputs(stream, inputs, size, progress)
            stream.flush(blocking=True)
        finally:
            stream.disconnect()
        _check_whole(temporary, path)
    return path


def _check_whole(file: Path, path: Path) -> None:
    """Raise `Failure` unless Rerun has written `file` to its end: of a full disk it tells nobody."""
    with file.open("rb") as data:
        data.seek(-min(len(_END), file.stat().st_size), os.SEEK_END)
        if data.read() != _END:
            raise Failure(
                f"{path} could not be written to its end.", "Is the disk full? Free some space, or use --size."
            )


def show_in_viewer(
    inputs: Sequence[Input], *, size: tuple[int, int] | None = None, progress: Progress = silent
) -> None:
    """Start Rerun's viewer and send everything to it. Raises `Failure` where it does not start, or stops too soon."""
    require_rerun()
    stream = _new_stream(inputs)
    try:
        with _own_programs_first():
            stream.spawn(port=_PORT)
        stream.send_blueprint(blueprint_of(inputs))
    except RuntimeError as error:
        raise Failure(f"Rerun's viewer did not start: {error}.", _WITHOUT_VIEWER) from error
    log_inputs(stream, inputs, size, progress)
    stream.flush(blocking=True)
    stream.disconnect()
    try:
        socket.create_connection(("127.0.0.1", _PORT), timeout=2).close()
    except OSError as error:
        raise Failure("Rerun's viewer stopped before everything was shown.", _WITHOUT_VIEWER) from error


@contextmanager
def _own_programs_first() -> Iterator[None]:
    """Find the viewer's program beside this Python, be its environment activated or not."""
    before = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _new_stream(inputs: Sequence[Input]) -> Any:
    """The viewer keeps one layout an application, also for the next time: so what has other names is another one."""
    import rerun as rr

    return rr.RecordingStream(f"simcraft: {', '.join(source.name for source in inputs)}")
