"""The folders in which motions and videos' reports are kept. Free of Blender's data.

Each has a folder of its own with a name that nobody else has, so that two Blenders never write to the same place, also
when both have opened the same .blend. A motion belongs to one running Blender at a time: it holds the lock of its
folder, until it leaves, however it leaves; another one may then take it over.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import shutil
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._format import recording_format as fmt
from .kept import Result

UNSAVED = "unsaved"
"""What the key of a scene that lies in no file begins with: nobody finds it again after its Blender has left."""


@dataclass(frozen=True)
class Facts:
    """What is known of a finished motion."""

    scene: str
    """The key of the scene that it is of."""
    signature: str
    """Of the scene's settings when it was made."""
    stamp: tuple[int, int] | None
    """Of the .blend that holds the scene just as it was then; None where no file does."""
    frames: tuple[int, int]
    size: tuple[int, int]
    warnings: tuple[str, ...]
    made: float
    """When, in seconds since 1970."""


class Locks:
    """Paths that this Blender has for itself, among all that run. When it leaves, however it does, they are free."""

    def __init__(self) -> None:
        self._held: dict[Path, contextlib.ExitStack] = {}

    def __contains__(self, path: Path) -> bool:
        return path in self._held

    def take(self, path: Path) -> bool:
        """Have it from now on; False where another Blender has it. Raises `OSError` where nothing can be written."""
        if path in self._held:
            return True
        stack = contextlib.ExitStack()
        try:
            stack.enter_context(fmt.only_writer(path))
        except fmt.BeingWritten:
            return False
        self._held[path] = stack
        return True

    def take_if_writable(self, path: Path) -> bool:
        """`take`, and False also where nothing can be written."""
        try:
            return self.take(path)
        except OSError:
            return False

    def release(self, path: Path) -> None:
        """Let others have it."""
        if path in self._held:
            self._held.pop(path).close()

    def release_all(self) -> None:
        for path in list(self._held):
            self.release(path)


class MotionStore:
    """The motions below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._locks = Locks()
        self._found: dict[str, tuple[Path, Facts] | None] = {}
        self._swept = False

    def new(self, label: str) -> Path:
        """A new, empty folder for the motion of what is called `label`. Raises `OSError`."""
        if not self._swept:
            self._sweep()
        folder = _new_folder(self._folder, label)
        self._locks.take(folder)
        return folder

    def finish(self, folder: Path, facts: Facts) -> None:
        """The motion in `folder` is complete; it takes the place of the earlier ones of its scene. Raises `OSError`."""
        _write(folder / "motion.json", dataclasses.asdict(facts))
        self._found[facts.scene] = (folder, facts)

    def find(self, scene: str) -> tuple[Path, Facts] | None:
        """The newest motion of the scene with this key that no other Blender has; from memory where that is known."""
        if scene not in self._found:
            found = [(f, facts) for f in self._finished() if (facts := read_facts(f)) and facts.scene == scene]
            found.sort(key=lambda pair: pair[1].made, reverse=True)
            self._found[scene] = next((pair for pair in found if self._locks.take_if_writable(pair[0])), None)
        return self._found[scene]

    def rename(self, scene: str, new: str, stamp: tuple[int, int] | None) -> None:
        """The file of a scene was saved, perhaps under another name, and its motion is right for it."""
        if (found := self.find(scene)) is not None:
            if new != scene:
                self._found[scene] = None
            self.finish(found[0], dataclasses.replace(found[1], scene=new, stamp=stamp))

    def others(self, folder: Path) -> list[Path]:
        """The finished motions of the same scene as the one in `folder`, but for itself."""
        facts = read_facts(folder)
        return [f for f in self._finished() if f != folder and facts and _scene_of(f) == facts.scene]

    def discard(self, folder: Path) -> None:
        """Remove the folder, unless another Blender has it."""
        if not self._locks.take_if_writable(folder):
            return
        self._found = {key: found for key, found in self._found.items() if found is None or found[0] != folder}
        shutil.rmtree(folder, ignore_errors=True)
        self._locks.release(folder)

    def forget(self) -> None:
        """Look at the folder again: other Blenders may have made motions, or have left."""
        self._found.clear()

    def close(self) -> None:
        """Let other Blenders have the motions."""
        self._locks.release_all()
        self._found.clear()

    def _finished(self) -> list[Path]:
        return [path.parent for path in self._folder.glob("*/motion.json")]

    def _sweep(self) -> None:
        """Remove what Blenders have left that died: what is not finished, and what nobody can find again."""
        self._swept = True
        for folder in [path for path in self._folder.glob("*") if path.is_dir() and path not in self._locks]:
            if not (scene := _scene_of(folder)) or scene.startswith(UNSAVED):
                self.discard(folder)


def read_facts(folder: Path) -> Facts | None:
    """What is known of the motion in `folder`; None where it is not finished, or written by another version."""
    try:
        values = json.loads((folder / "motion.json").read_text(encoding="utf-8"))
        values |= {name: tuple(values[name]) for name in ("frames", "size", "warnings")}
        return Facts(**values | {"stamp": tuple(values["stamp"]) if values["stamp"] else None})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _scene_of(folder: Path) -> str:
    facts = read_facts(folder)
    return facts.scene if facts else ""


class ResultStore:
    """The videos that were made: a folder each with the report and `result.json`. The videos lie elsewhere."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: dict[str, Result | None] = {}

    def new(self, label: str) -> Path:
        """A new, empty folder for the report of a video of what is called `label`. Raises `OSError`."""
        return _new_folder(self._folder, label)

    def finish(self, folder: Path, scene: str, result: Result) -> None:
        """The video is written. Raises `OSError`."""
        facts = dataclasses.asdict(dataclasses.replace(result, earlier=()))
        del facts["earlier"]
        _write(folder / "result.json", {"scene": scene, **facts})
        self._found.pop(scene, None)

    def find(self, scene: str) -> Result | None:
        """The newest video of the scene with this key that is still there; from memory where that is known."""
        if scene not in self._found:
            results = [_read_result(path, scene) for path in self._folder.glob("*/result.json")]
            made = sorted((r for r in results if r is not None), key=lambda r: r.made, reverse=True)
            self._found[scene] = dataclasses.replace(made[0], earlier=tuple(made[1:])) if made else None
        return self._found[scene]

    def forget(self) -> None:
        """Look at the folder again: files may have been removed."""
        self._found.clear()


def _read_result(path: Path, scene: str) -> Result | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.pop("scene") != scene:
            return None
        paths = {name: Path(values[name]) for name in ("video", "report", "picture") if values[name]}
        result = Result(**values | paths | {"frames": tuple(values["frames"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return result if result.video.exists() else None


def _new_folder(parent: Path, label: str) -> Path:
    """A folder that is named so that a person can find it, and unlike any other."""
    readable = re.sub(r"[^\w-]+", "-", label).strip("-")[:40] or "scene"
    folder = parent / f"{time.strftime('%Y%m%d-%H%M%S')}-{readable}-{uuid.uuid4().hex[:8]}"
    folder.mkdir(parents=True)
    return folder


def _write(path: Path, values: dict[str, Any]) -> None:
    """JSON, whole or not at all."""
    new = fmt.temporary_sibling(path)
    new.write_text(json.dumps(values, default=str, indent=1), encoding="utf-8")
    new.replace(path)
