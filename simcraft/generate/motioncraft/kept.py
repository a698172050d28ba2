"""Finished frames on disk: to look at while the work runs, and to go on from when it has stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from simcraft.clip.files import complete_file, read_errors, read_png, write_errors, write_json, write_png
from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.generate.motioncraft.pipeline import Finished
from simcraft.generate.streaming import OtherWork, fingerprint, kept_frame, kept_index
from simcraft.recording.format import BeingWritten, only_writer

_STATE = "state.npz"


class Kept:
    """A folder: `frame_0000.png` and so on, work.json (what is being made), state.npz (latents of the last frame)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def last(self) -> Finished | None:
        """The last finished frame after the first one, None where there is none; `UserError` where it is damaged."""
        path = self.folder / _STATE
        if not path.is_file():
            return None
        with read_errors(path, "the state of kept frames"), np.load(path, allow_pickle=False) as state:
            index = int(state["index"])
            z_0, z_tau, remainder = (torch.from_numpy(state[name]) for name in ("z_0", "z_tau", "remainder"))
        return Finished(index, self.frame(index), z_0, z_tau, remainder)

    def frame(self, index: int) -> np.ndarray:
        """(H, W, 3) uint8; `UserError` where it is missing or damaged."""
        return read_png(kept_frame(self.folder, index))

    def add(self, made: Finished) -> None:
        """Keep a frame; its picture is there before the state says so."""
        write_png(kept_frame(self.folder, made.index), made.image)
        z_0, z_tau, remainder = (tensor.cpu().numpy() for tensor in (made.z_0, made.z_tau, made.remainder))
        with complete_file(self.folder / _STATE) as temporary:
            np.savez(temporary, index=made.index, z_0=z_0, z_tau=z_tau, remainder=remainder)


@contextmanager
def kept_frames(folder: Path, clip: MotionClip, work: dict[str, Any]) -> Iterator[Kept]:
    """The frames of `clip` in `folder`, made as `work` (JSON values) says; nobody else writes them meanwhile.

    Raises
    ------
    OtherWork: the folder has frames of another clip or of other work.
    UserError: it holds something else, or another process is writing it.
    """
    index = kept_index(folder)
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not index.exists() and any(not path.name.startswith(".") for path in folder.iterdir()):
            raise UserError(f"{folder} holds something else than kept frames.", "Choose another folder.")
    try:
        with only_writer(index):
            work = {**work, "clip": fingerprint(clip)}
            if index.exists() and _read(index) != work:
                raise OtherWork(f"{folder} has frames of another clip or of other settings.", "Choose another folder.")
            write_json(index, work)
            write_png(kept_frame(folder, 0), clip.image)
            yield Kept(folder)
    except BeingWritten:
        raise UserError(f"Another process is writing frames to {folder}.", "Wait for it, or choose another.") from None


def _read(path: Path) -> Any:
    """None where it is damaged: that is other work."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
