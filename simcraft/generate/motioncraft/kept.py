"""Finished frames on disk: to look at while the work runs, and to go on from when it has stopped."""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import torch

from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.generate.motioncraft.pipeline import Finished

_WORK = "work.json"
_STATE = "state.npz"


class Kept:
    """A folder: `frame_0000.png` and so on, work.json (what is being made), state.npz (latents of the last frame)."""

    def __init__(self, folder: Path, clip: MotionClip, work: dict[str, Any]) -> None:
        """Raises `UserError` where `folder` has frames of other work."""
        self.folder, self.clip = folder, clip
        work = {**work, "clip": _fingerprint(clip)}
        path = folder / _WORK
        folder.mkdir(parents=True, exist_ok=True)
        if path.is_file() and json.loads(path.read_text("utf-8")) != work:
            raise UserError(f"{folder} has frames of another clip or of other settings.", "Choose another folder.")
        _replace(path, json.dumps(work, indent=1).encode())
        if not self._frame(0).is_file():
            self._write_image(0, clip.image)

    def last(self) -> Finished | None:
        """The last finished frame after the first one, None where there is none."""
        path = self.folder / _STATE
        if not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as state:
            index = int(state["index"])
            z_0, z_tau, remainder = (torch.from_numpy(state[name]) for name in ("z_0", "z_tau", "remainder"))
        return Finished(index, self._read_image(index), z_0, z_tau, remainder)

    def frames(self) -> list[np.ndarray]:
        """(H, W, 3) uint8, frame 0 and those up to the last finished one."""
        last = self.last()
        return [self._read_image(t) for t in range(1 if last is None else last.index + 1)]

    def add(self, made: Finished) -> None:
        """Keep a frame; its picture is there before the state says so."""
        import io

        self._write_image(made.index, made.image)
        data = io.BytesIO()
        z_0, z_tau, remainder = (tensor.cpu().numpy() for tensor in (made.z_0, made.z_tau, made.remainder))
        np.savez(data, index=made.index, z_0=z_0, z_tau=z_tau, remainder=remainder)
        _replace(self.folder / _STATE, data.getvalue())

    def _frame(self, index: int) -> Path:
        return self.folder / f"frame_{index:04d}.png"

    def _write_image(self, index: int, image: np.ndarray) -> None:
        import cv2

        _replace(self._frame(index), cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes())

    def _read_image(self, index: int) -> np.ndarray:
        import cv2

        image = cv2.imread(str(self._frame(index)), cv2.IMREAD_COLOR)
        if image is None:
            raise UserError(f"{self._frame(index)} is missing or damaged.", "Remove the folder and begin anew.")
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def _fingerprint(clip: MotionClip) -> str:
    """Of what frames depend on: picture and motion."""
    digest = hashlib.sha256()
    for array in (clip.image, clip.flow_backward, clip.flow_valid_backward):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    temporary.write_bytes(data)
    temporary.replace(path)
