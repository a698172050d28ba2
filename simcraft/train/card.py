"""A model card: what a model's runs logged, in words, tables and pictures, beside its weights.

MODEL/README.md, MODEL/card/STAGE-loss.svg, MODEL/card/STAGE.webp
"""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from simcraft.clip.files import complete_file, read_errors, write_errors
from simcraft.cores import core_count
from simcraft.errors import UserError
from simcraft.generate.embedded import model_bytes
from simcraft.train.checkpoint import checkpoints
from simcraft.train.report import curves, series_of

_LICENSE = "GPL-3.0-or-later"
_LIMITS = """\
- It knows simple bodies, cloth, flocks and streets as simulated and previewed here, and nothing else of the world: no
  people near by, no photographs, no text.
- It is small. What it paints anew is plausible in colour and shading, and soft in detail.
- It was trained on previews, whose shadows are sharp and which have no reflections."""


@dataclass(frozen=True)
class Words:
    """What the card says of one kind of model."""

    tags: str
    introduction: str
    units: str
    """Of the figures."""
    limits: str


_IMAGE = Words(
    tags="motioncraft, simulation",
    introduction="A small image diffusion model in the layout of diffusers' `{pipeline}`, made by SimCraft's `simcraft "
    "train image` from renders of its own simulations alone; see docs/training.md. Weights are float16 safetensors, "
    "{megabytes:.1f} MB. The generator `motioncraft` paints with it; stock pipelines load it after `import "
    "simcraft.generate.patch_autoencoder`.",
    units="levels in dB",
    limits=_LIMITS,
)
_DREAMER = Words(
    tags="motion-dreamer, simulation, image-to-video",
    introduction="Motion Dreamer (arXiv 2412.00547) in small, as diffusers' `{pipeline}` of SimCraft, made by "
    "`simcraft train dreamer` from renders of SimCraft's own simulations alone; see docs/training.md. Weights are "
    "float16 safetensors, {megabytes:.1f} MB. Stage one reasons what a first frame and a few arrows lead to, as flow, "
    "instances and depth; stage two paints that, or what was simulated. The generator `motion_dreamer` runs both.",
    units="painted pictures in dB; flow in pixels, labels as intersection over union, depth in hundredths of nearness",
    limits=f"{_LIMITS}\n- Stage one guesses: what it predicts looks like motion that it has seen, and keeps no law.",
)
_WORDS = {"MotionDreamerPipeline": _DREAMER}
"""By the class of the pipeline; all others are image models."""


@dataclass(frozen=True)
class RunSummary:
    """What a run's folder tells."""

    stage: str
    settings: dict[str, Any]
    """What the run was begun with."""
    steps: int
    hours: float
    losses: dict[str, list[tuple[float, float]]]
    """Name -> (step, value)."""
    figures: dict[str, float]
    """Of the last evaluation."""
    sheet: Path | None
    """The last one."""


def read_run(folder: Path) -> RunSummary:
    """Raises `UserError` where `folder` is no training run that came to an evaluation."""
    if not (folder / "run.json").is_file() or not checkpoints(folder):
        raise UserError(f"{folder} holds no training run.", "Name what --run gave to `simcraft train`.")
    with read_errors(folder, "a training run"):
        settings = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        lines = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    figures = [line["figures"] for line in lines if "figures" in line]
    if not figures:
        raise UserError(f"The run in {folder} was never evaluated.", "Go on with it; `--minutes 0` evaluates it.")
    sheets = sorted((folder / "sheets").glob("*.png"))
    return RunSummary(
        stage=str(settings["stage"]),
        settings=settings,
        steps=int(checkpoints(folder)[-1].name),
        hours=_hours([line["seconds"] for line in lines if "seconds" in line]),
        losses=series_of(lines, "losses"),
        figures=figures[-1],
        sheet=sheets[-1] if sheets else None,
    )


def write_card(model: Path, runs: Sequence[Path], *, hardware: str | None = None) -> Path:
    """Write MODEL/README.md and its pictures; a card that is there is replaced.

    Parameters
    ----------
    runs: folders of the runs that made the model, in their order.
    hardware: what it was trained on; by default this machine.

    Raises `UserError` where there is no model or no run.
    """
    from PIL import Image

    if not (model / "model_index.json").is_file():
        raise UserError(f"{model} has no model_index.json.", "Name the folder of a trained model.")
    summaries = [read_run(folder) for folder in runs]
    place = model / "card"
    with write_errors(place):
        place.mkdir(exist_ok=True)
    for summary in summaries:
        if summary.losses:
            with complete_file(place / f"{summary.stage}-loss.svg") as temporary:
                temporary.write_text(curves(summary.losses, logarithmic=True), encoding="utf-8")
        if summary.sheet is not None:
            with complete_file(place / f"{summary.stage}.webp") as temporary:
                Image.open(summary.sheet).save(temporary, "WEBP", quality=85, method=6)
    with complete_file(model / "README.md") as temporary:
        temporary.write_text(card(model, summaries, hardware or machine()), encoding="utf-8")
    return model / "README.md"


def card(model: Path, runs: Sequence[RunSummary], hardware: str) -> str:
    """The card's text, Markdown with the head that model hubs read."""
    index = json.loads((model / "model_index.json").read_text(encoding="utf-8"))
    words = _WORDS.get(index["_class_name"], _IMAGE)
    megabytes = model_bytes(model, "*.safetensors") / 1e6
    parts = [
        f"---\nlicense: {_LICENSE.lower()}\nlibrary_name: diffusers\ntags: [{words.tags}]\n---",
        f"# {model.name}",
        words.introduction.format(pipeline=index["_class_name"], megabytes=megabytes),
        f"License: {_LICENSE}, as all of SimCraft. What you make with it is yours.",
        *(_stage_text(summary, words) for summary in runs),
        f"## Hardware\n\n{hardware}; {sum(run.hours for run in runs):.1f} hours in all.",
        f"## Limits\n\n{words.limits}",
    ]
    return "\n\n".join(parts) + "\n"


def machine() -> str:
    """This one: its GPU, or its cores."""
    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    return f"{core_count()} CPU cores ({platform.machine()})"


def _stage_text(run: RunSummary, words: Words) -> str:
    examples = run.steps * int(run.settings["batch"]) * int(run.settings["processes"])
    rows = "\n".join(f"| {name} | {value:.4g} |" for name, value in run.figures.items())
    effort = f"{run.steps:,} steps, {examples:,} examples, {run.hours:.2f} hours."
    if run.settings.get("start"):
        effort += f" It began with the weights of an earlier model (network {run.settings['start']}), not counted here."
    parts = [
        f"## Stage {run.stage}",
        effort if run.steps else "Fitted in closed form, without training steps.",
        f"![losses](card/{run.stage}-loss.svg)" if run.losses else "",
        f"On held-out clips ({words.units}):\n\n| | |\n| --- | --- |\n{rows}",
        f"![held-out pictures](card/{run.stage}.webp)" if run.sheet else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _hours(seconds: Sequence[float]) -> float:
    """Of all calls together: the clock of each begins at 0."""
    ends = [now for now, after in zip(seconds, [*seconds, 0.0][1:], strict=True) if after < now]
    return sum(ends) / 3600
