"""One option of a generator, tried with several values on one clip: the videos, their measures, and all side by side.

DIR/VALUE.mp4         the video of each value, and warp.mp4, the baseline
DIR/comparison.mp4    all of them together
DIR/comparison.png    a few moments of each
DIR/comparison.json   the measures; also what a run that was stopped goes on from
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simcraft.clip.files import write_errors, write_json
from simcraft.clip.types import MotionClip
from simcraft.errors import UserError
from simcraft.generate.correspondence import first_frame
from simcraft.generate.embedded import Choice
from simcraft.generate.registry import Generator, complete_options, find_generator
from simcraft.generate.streaming import fingerprint, opened
from simcraft.metrics import evaluate
from simcraft.metrics.new_content import parts
from simcraft.metrics.report import saved_typical
from simcraft.paint import paint_to
from simcraft.progress import Progress, silent
from simcraft.version import __version__
from simcraft.video import Video, load_video

BASELINE = "warp"
"""The generator that every other one is compared with."""
BASELINE_LABEL = "warp (baseline)"
NAME = "comparison"
"""Of the files that show and measure all videos together."""


@dataclass(frozen=True)
class Trial:
    """One video to make."""

    label: str
    """How the value is written, or the baseline's name."""
    stem: str
    """Name of its file, without ending."""
    generator: Generator
    options: dict[str, Any]
    """All of them."""


@dataclass(frozen=True)
class Outcome:
    """One video, and how well it does."""

    label: str
    video: str
    """Name of its file in the folder."""
    state: str
    """Of the model's files; see `registry.Generator.check`."""
    seconds_per_frame: float
    """Without loading the model."""
    made_by: dict[str, Any]
    """Of the video: the model, the options as they were in the end, how often the network was evaluated."""
    new_content_psnr: float | None
    """Decibels, where the first frame does not show it; None where true frames are not known, or little is new."""
    report: dict[str, Any]
    """`metrics.report.Report.to_dict()`."""


@dataclass(frozen=True)
class Comparison:
    """What was compared, and what came out."""

    folder: Path
    about: dict[str, Any]
    """Clip, generator, the option that varies, and the others."""
    outcomes: tuple[Outcome, ...]
    """The baseline first (unless it is what varies), then in the order of the values."""

    def to_dict(self) -> dict[str, Any]:
        """JSON values: what comparison.json holds."""
        return {**self.about, "videos": [asdict(outcome) for outcome in self.outcomes]}

    @property
    def files(self) -> dict[str, str]:
        """Paths of what shows all videos together, by name."""
        names = {"side by side": ".mp4", "sheet": ".png", "measures": ".json"}
        return {name: str(self.folder / f"{NAME}{ending}") for name, ending in names.items()}

    def table(self) -> dict[str, str]:
        """Label -> a line of figures, below a line that names them."""
        lines = {
            str(
                self.about["option"]
            ): "error px  floor px  still px  consistency  PSNR dB  new dB   SSIM  evaluations  s/frame"
        }
        for outcome in self.outcomes:
            report = outcome.report
            like = report["likeness"] or {}
            lines[outcome.label] = "  ".join(
                (
                    _figure(saved_typical(report["end_point_error"]), 8, 2),
                    _figure(saved_typical(report["floor"]), 8, 2),
                    _figure(report["standstill_error"], 8, 2),
                    _figure(report["motion_consistency"], 11, 3),
                    _figure(like.get("psnr"), 7, 1),
                    _figure(outcome.new_content_psnr, 6, 1),
                    _figure(like.get("ssim"), 5, 3),
                    _figure(outcome.made_by.get("evaluations_per_frame"), 11, 0),
                    _figure(outcome.seconds_per_frame, 7, 2),
                )
            )
        return lines


def compare(
    clip: MotionClip,
    generator: str,
    option: str,
    values: Sequence[Any],
    folder: Path,
    *,
    options: Mapping[str, Any] | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Comparison:
    """Generate one video of `clip` for each of `values`, evaluate each, and show them side by side.

    Parameters
    ----------
    option: the option of `generator` that varies; text among the `values` is converted.
    folder: what is made lies there. Called again with the same request, what is done is not done again: a comparison
        that was stopped goes on, and values can be added.
    options: the generator's other options, alike for all.
    force: replace another comparison in `folder`.

    The model is loaded once, and again only where the option that varies is one that chooses or places it.

    Raises `UserError` for an unknown generator or option, a value that it does not take, fewer than two values, or a
    `folder` that holds something else; and what the generator raises.
    """
    trials = plan(generator, option, values, options or {})
    shared = {name: value for name, value in trials[-1].options.items() if name != option}
    about = {
        "clip": clip.name,
        "fingerprint": fingerprint(clip),
        "generator": generator,
        "option": option,
        "options": shared,
        "simcraft": __version__,
    }
    states = [trial.generator.check(trial.options) for trial in trials]
    done = _begin(folder, about, force)
    outcomes: list[Outcome] = []
    workshop = _Workshop()
    for number, (trial, state) in enumerate(zip(trials, states, strict=True), start=1):
        outcome = done.get(trial.label)
        if outcome is None or outcome.state != state or not (folder / outcome.video).is_file():
            stage = f"{trial.label} ({number} of {len(trials)})"
            outcome = _carry_out(trial, state, clip, folder, workshop, _under(stage, progress))
        outcomes.append(outcome)
        done[trial.label] = outcome
        _write_index(folder, about, tuple(done.values()))
    comparison = Comparison(folder, about, tuple(outcomes))
    _write_index(folder, about, comparison.outcomes)
    _show(comparison, clip, progress)
    return comparison


def plan(generator: str, option: str, values: Sequence[Any], options: Mapping[str, Any]) -> list[Trial]:
    """The videos to make: the baseline, unless it is what varies, and one for each value.

    Raises `UserError` for what cannot be compared.
    """
    found = find_generator(generator)
    if option in options:
        raise UserError(f"Option '{option}' both varies and is set to {options[option]!r}.", "Leave one of them out.")
    trials = []
    if generator != BASELINE:
        baseline = find_generator(BASELINE)
        trials.append(Trial(BASELINE_LABEL, BASELINE, baseline, complete_options(baseline, {})))
    for value in values:
        complete = complete_options(found, {**options, option: value})
        label = written(complete[option])
        if any(trial.label == label and trial.generator is found for trial in trials):
            raise UserError(f"The value {label} of '{option}' is there twice.", "Give each value once.")
        stem = _stem(label, {NAME, *(trial.stem for trial in trials)})
        trials.append(Trial(label, stem, found, complete))
    if len(values) < 2:
        raise UserError(
            f"There is nothing to compare with {option}={', '.join(map(str, values))}.", "Give two or more."
        )
    return trials


def written(value: Any) -> str:
    """A value as it is written on the command line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


# --------------------------------------------------------------------------------------------------------- the videos


class _Workshop:
    """The model that was loaded last."""

    def __init__(self) -> None:
        self._loaded: tuple[str, dict[str, Any]] | None = None
        self._painter: Callable[..., Video] | None = None

    def painter(self, trial: Trial, progress: Progress) -> Callable[..., Video]:
        """What the trial's generator opens with the trial's options; the one before is let go first."""
        wanted = trial.generator.name, trial.generator.split(trial.options)[0]
        if self._painter is None or self._loaded != wanted:
            self._painter = None
            self._painter = opened(trial.generator, trial.options, progress)
            self._loaded = wanted
        return self._painter


def _carry_out(
    trial: Trial, state: str, clip: MotionClip, folder: Path, workshop: _Workshop, progress: Progress
) -> Outcome:
    """Make and evaluate one video."""
    painter = workshop.painter(trial, progress)
    path = folder / f"{trial.stem}.mp4"
    began = time.perf_counter()
    video = paint_to(path, clip, Choice(trial.generator.name, trial.options), painter=painter, progress=progress)
    seconds = time.perf_counter() - began
    made = video.frame_count - 1 - video.made_by.get("resumed_after_frame", 0)
    report, new_content = _measured(video, clip, progress)
    return Outcome(
        label=trial.label,
        video=path.name,
        state=state,
        seconds_per_frame=round(seconds / max(made, 1), 4),
        made_by=video.made_by,
        new_content_psnr=new_content,
        report=report,
    )


def _measured(video: Video, clip: MotionClip, progress: Progress) -> tuple[dict[str, Any], float | None]:
    """The report as JSON values, and decibels of what the first frame does not show."""
    progress("measure", 0, 1)
    previewed = clip.frames_source == clip.image_source == "preview"
    # `evaluate` would not take previews for what a video should look like; here the first frame is one too
    report = evaluate(video, clip, clip.frames if previewed else None).to_dict()
    new_content = None
    if clip.frames is not None and report["likeness"] is not None:
        new_content = parts(video.frames, np.asarray(clip.frames), ~first_frame(clip).seen).new.psnr
    progress("measure", 1, 1)
    return report, new_content


def _under(label: str, progress: Progress) -> Progress:
    """The same stages come once for each video: their names say for which."""
    return lambda stage, step, steps, detail="": progress(f"{label}: {stage}", step, steps, detail)


def _stem(label: str, taken: set[str]) -> str:
    """A name for the files of a value, different from those `taken`."""
    plain = re.sub(r"[^\w.+-]+", "_", label).strip("._")[:60] or "value"
    stem, number = plain, 2
    while stem in taken:
        stem, number = f"{plain}_{number}", number + 1
    return stem


# --------------------------------------------------------------------------------------------------------- the folder


def _begin(folder: Path, about: dict[str, Any], force: bool) -> dict[str, Outcome]:
    """Label -> what an earlier run has made of the same comparison in `folder`.

    Raises `UserError` where the folder holds something else and `force` does not say to replace it.
    """
    index = folder / f"{NAME}.json"
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        others = any(not path.name.startswith(".") for path in folder.iterdir())
    if not index.is_file():
        if others and not force:
            raise UserError(f"{folder} holds something else.", "Choose another folder with --out, or give --force.")
        return {}
    try:
        before = json.loads(index.read_text(encoding="utf-8"))
        same = {name: before[name] for name in about} == about
        outcomes = [Outcome(**outcome) for outcome in before["videos"]]
    except (ValueError, KeyError, TypeError):
        same, outcomes = False, []
    if not same and not force:
        raise UserError(
            f"{folder} has another comparison: of another clip, generator or other options.",
            "Choose another folder with --out, or give --force to replace it.",
        )
    return {outcome.label: outcome for outcome in outcomes} if same else {}


def _write_index(folder: Path, about: dict[str, Any], outcomes: tuple[Outcome, ...]) -> None:
    write_json(folder / f"{NAME}.json", Comparison(folder, about, outcomes).to_dict(), allow_nan=False)


def _show(comparison: Comparison, clip: MotionClip, progress: Progress) -> None:
    """Write the video and the picture of all side by side, beginning with the true frames where they are known."""
    from simcraft.side_by_side import Column, save_side_by_side

    option = comparison.about["option"]
    columns = []
    if clip.frames is not None:
        columns.append(Column(f"truth ({clip.frames_source or 'render'})", "", clip.frames))
    for outcome in comparison.outcomes:
        label = outcome.label if outcome.label == BASELINE_LABEL else f"{option} {outcome.label}"
        frames = load_video(comparison.folder / outcome.video).frames
        columns.append(Column(label, _note(outcome.report), frames))
    title = f"{clip.name or 'clip'}  ·  {comparison.about['generator']}  ·  {option}"
    save_side_by_side(
        columns,
        title,
        clip.fps,
        video=Path(comparison.files["side by side"]),
        picture=Path(comparison.files["sheet"]),
        progress=progress,
    )


def _note(report: Mapping[str, Any]) -> str:
    """The two figures to look at, below a picture."""
    error, psnr = saved_typical(report["end_point_error"]), (report["likeness"] or {}).get("psnr")
    figures = [] if error is None else [f"error {error:.2f} px"]
    return ", ".join([*figures, *([] if psnr is None else [f"{psnr:.1f} dB"])])


def _figure(value: float | None, width: int, digits: int) -> str:
    return f"{'-' if value is None else format(value, f'.{digits}f'):>{width}}"
