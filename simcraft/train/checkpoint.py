"""What a run needs to go on exactly: weights, their average, and the optimizer. Nothing is pickled.

    RUN/run.json                     what the run is: stage, layout, data, seed, ...; another one is refused
    RUN/checkpoints/00001200/        after that many steps: *.safetensors, and state.json
    RUN/log.jsonl                    a line now and then

There is no state of random numbers: what a step draws follows from the seed and the step's number.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from simcraft.clip.files import read_errors, write_errors, write_json
from simcraft.errors import UserError
from simcraft.train.average import Average

KEPT = 2
"""Checkpoints; older ones are removed."""


def begin_run(folder: Path, identity: dict[str, Any]) -> int:
    """Start a run, or find how far it came: the number of steps that are done.

    `identity`: JSON values that a run cannot change on its way.

    Raises `UserError` where `folder` holds another run, or something else.
    """
    identity = json.loads(json.dumps(identity))
    path = folder / "run.json"
    if path.exists():
        with read_errors(path, "a training run"):
            before = json.loads(path.read_text(encoding="utf-8"))
        for name in sorted(before.keys() | identity.keys()):
            if before.get(name) != identity.get(name):
                raise UserError(
                    f"The run in {folder} has {name} {_short(before.get(name))}, not {_short(identity.get(name))}.",
                    "Go on with what it was begun with, or begin another one with --run.",
                )
        done = checkpoints(folder)
        return int(done[-1].name) if done else 0
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} holds something else than a training run.", "Choose another folder with --run.")
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write_json(path, identity)
    return 0


def checkpoints(folder: Path) -> list[Path]:
    """The complete checkpoints of a run, oldest first."""
    found = (folder / "checkpoints").glob("[0-9]*")
    return sorted(path for path in found if (path / "state.json").is_file())


def save_checkpoint(
    folder: Path, step: int, module: torch.nn.Module, average: Average, optimizer: torch.optim.Optimizer
) -> Path:
    """Write the state after `step` steps; it appears when it is whole. Raises `DiskFull` where there is no space."""
    place = folder / "checkpoints" / f"{step:08d}"
    temporary = place.with_name(f".{place.name}.partial")
    with write_errors(place):
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        try:
            weights = {name: parameter.detach() for name, parameter in module.named_parameters()}
            _save(weights, temporary / "weights.safetensors")
            _save(average.weights, temporary / "average.safetensors")
            _save(_flat(optimizer.state_dict()["state"]), temporary / "optimizer.safetensors")
            (temporary / "state.json").write_text(json.dumps({"step": step}) + "\n", encoding="utf-8")
            shutil.rmtree(place, ignore_errors=True)
            temporary.replace(place)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        for old in checkpoints(folder)[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
    return place


def load_checkpoint(place: Path, module: torch.nn.Module, average: Average, optimizer: torch.optim.Optimizer) -> None:
    """Put the state in `place` into all three; they are as when it was written. `UserError` where it is damaged."""
    from safetensors.torch import load_file

    with read_errors(place, "a checkpoint of this run"):
        weights = load_file(place / "weights.safetensors")
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                parameter.copy_(weights[name])
        loaded = load_file(place / "average.safetensors")
        average.weights = {name: loaded[name].to(old.device) for name, old in average.weights.items()}
        state = _nested(load_file(place / "optimizer.safetensors"))
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _save(tensors: dict[str, torch.Tensor], path: Path) -> None:
    """As bytes and not by safetensors' own writer, whose errors hide a full disk."""
    from safetensors.torch import save

    path.write_bytes(save({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}))


def _flat(state: dict[int, dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """{0: {"exp_avg": a}} as {"0.exp_avg": a}."""
    return {f"{number}.{name}": value for number, values in state.items() for name, value in values.items()}


def _nested(tensors: dict[str, torch.Tensor]) -> dict[int, dict[str, torch.Tensor]]:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = value
    return state


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
