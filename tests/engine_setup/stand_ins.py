"""Small things that stand for large ones: wheels of a few bytes, an engine that only says what it is, a web server."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import threading
import urllib.parse
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blender_addon.jobs.types import PROTOCOL_VERSION

ENGINE_VERSION = "0.1.0"
SAID = {"simcraft": ENGINE_VERSION, "python": "3.11.7", "device": "a stand-in", "models": [], "doctor": []}
WORKER = f"""
import json, os, sys
import tiny_one, tiny_two

def main():
    print(json.dumps({{"event": "ready", "version": {PROTOCOL_VERSION}}}), flush=True)
    for line in sys.stdin:
        message = json.loads(line)
        if message["request"] == "quit":
            break
        said = dict({json.dumps(SAID)}, best=os.environ.get("SIMCRAFT_MODELS", "no models").replace(os.sep, "/"))
        print(json.dumps(dict(said, event="result", id=message["id"])), flush=True)

if __name__ == "__main__":
    main()
"""


def write_wheel(
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, str],
    *,
    needs: Sequence[str] = (),
    python: str = ">=3.11,<3.14",
    tag: str = "py3-none-any",
) -> Path:
    """A real wheel, which pip and uv install."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    metadata = [f"Name: {name}", f"Version: {version}", f"Requires-Python: {python}"]
    metadata += [f"Requires-Dist: {need}" for need in needs]
    contents = {
        **files,
        f"{info}/METADATA": "\n".join(["Metadata-Version: 2.1", *metadata]) + "\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = [f"{path},{_record_hash(text.encode())},{len(text.encode())}" for path, text in contents.items()]
    contents[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,"]) + "\n"
    wheel = folder / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in contents.items():
            archive.writestr(path, text)
    return wheel


def _record_hash(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


@dataclass(frozen=True)
class Wheels:
    """An engine's wheel, its pins, and the folder of the two packages that it needs."""

    engine: Path
    pins: Path
    folder: Path


def write_wheels(folder: Path, version: str = ENGINE_VERSION) -> Wheels:
    """All that an offline installation of the stand-in engine takes."""
    packages = {"simcraft/__init__.py": f"__version__ = {version!r}\n", "simcraft/worker.py": WORKER}
    engine = write_wheel(folder / "engine", "simcraft_video", version, packages, needs=["tiny-one>=1", "tiny-two"])
    write_wheel(folder / "packages", "tiny_one", "1.1", {"tiny_one.py": "value = 1\n"})
    write_wheel(folder / "packages", "tiny_one", "1.2", {"tiny_one.py": "value = 2\n"})
    write_wheel(folder / "packages", "tiny_two", "2.0", {"tiny_two.py": "value = 3\n"}, needs=["tiny-one"])
    pins = folder / "pins.txt"
    pins.write_text("# a comment\ntiny-one==1.1\ntiny-two==2.0\ntorch==2.13.0\n")
    return Wheels(engine, pins, folder / "packages")


def models_zip(*, names: Sequence[str] = ("first", "second"), also: Mapping[str, str] | None = None) -> bytes:
    """A zip with a folder a model."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(f"{name}/model_index.json", "{}")
            archive.writestr(f"{name}/unet/weights.safetensors", "weights " * 4000)
        for path, text in (also or {}).items():
            archive.writestr(path, text)
    return buffer.getvalue()


@dataclass
class Server:
    """A web server on this computer, which goes on with files where it is asked to."""

    files: dict[str, bytes] = field(default_factory=dict)
    """Path -> content; each is served as it is when it is asked for."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """(path, the range that was asked for)."""
    breaks_after: int | None = None
    """Bytes after which a connection is cut."""
    address: str = ""
    """Known once it has started."""

    def start(self) -> None:
        """Serve until `stop`."""
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.answer(self)

            def do_HEAD(self) -> None:
                owner.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        wanted = handler.headers.get("Range", "")
        self.asked.append((handler.path, wanted))
        data = self.files.get(urllib.parse.unquote(handler.path))
        if data is None:
            handler.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-") or 0)
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Type", "text/html" if handler.path.endswith("/") else "application/zip")
        handler.send_header("Content-Length", str(len(data) - start))
        handler.end_headers()
        if handler.command == "GET":
            handler.wfile.write(data[start:][: self.breaks_after])


class Recorder:
    """A `progress` that keeps what it is told, and raises where it is told to."""

    def __init__(self, stop_at: str = "") -> None:
        self.stages: list[str] = []
        self.stop_at = stop_at

    def __call__(self, stage: str, step: int, steps: int, detail: str = "") -> None:
        if stage not in self.stages:
            self.stages.append(stage)
        if self.stop_at and self.stop_at in stage:
            raise Stopped


class Stopped(Exception):
    """Raised by a `Recorder`."""
