"""MotionCraft against its baselines: does it move as simulated, what does it paint, and what does that take?

    python -m benchmarks.motioncraft [--quick] [--json PATH] [--pictures DIR] [--model DIR] [--inpaint-model DIR]

The six scenes of the paper, and fifty held-out clips of the Physion families; twelve of these for the reference mode
and the ablations. Everything made is kept in a folder, so that a run that was broken off goes on, and nothing is
painted twice. docs/benchmarks/motioncraft.md says what each column means.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import command, measuring
from benchmarks.motioncraft_cases import GROUPS, Case, cases_of
from benchmarks.motioncraft_measures import Measures, latent_motion_measures, measure
from benchmarks.motioncraft_methods import INPAINT, PLAIN, Method, Model, methods, painted, warm_up, zero
from benchmarks.motioncraft_pictures import new_content_picture, worst_cases
from benchmarks.motioncraft_store import Result, Store, key_of, measuring_digest, result_of
from benchmarks.motioncraft_table import (
    ELSEWHERE,
    FRAME_CONSISTENCY,
    LIKENESS,
    MOTION,
    MOTION_CONSISTENCY,
    NEW,
    OURS,
    PSNR,
    claims,
    floor_line,
    latent_motion_table,
    paired_table,
    speed_table,
    table,
)
from benchmarks.sheets import Block, sheet
from simcraft.errors import UserError
from simcraft.generate.embedded import embedded_model
from simcraft.picture import save_png

FOLDER = Path("out/benchmarks/motioncraft")
TITLES = {
    "scenes": "The six scenes",
    "twelve": "Twelve held-out clips",
    "physion": "Fifty held-out clips",
}
SHOWN = ("warp", "reference", "fast", "inpaint", "inpaint, composited")
"""Rows of the pictures, below the truth."""
PICTURED, FAILURES = 4, 4
"""Held-out clips that are pictured, and worst ones."""


@dataclass
class Run:
    """What a run was asked for, and what it has found so far."""

    models: dict[str, Model]
    methods: list[Method]
    store: Store
    threads: int
    quick: bool
    clip_model: Path | None
    until: float
    """By `time.monotonic`: from then on nothing more is painted."""
    results: dict[str, list[Result]] = field(default_factory=dict)
    """By group."""
    cases: dict[str, list[Case]] = field(default_factory=dict)
    latent_motion: dict[str, Measures] = field(default_factory=dict)
    """By case of the group "twelve"."""
    warm: set[str | None] = field(default_factory=set)
    """Models that have been run once."""

    def key(self, method: Method, case: Case) -> str:
        """The name of a result in the store."""
        model = None if method.model is None else self.models[method.model]
        return key_of(method.name, case, model, method.settings, self.threads)


def main() -> None:
    command.run(_main, _options)


def _options() -> argparse.Namespace:
    parser = command.parser(__doc__, FOLDER)
    parser.add_argument("--quick", action="store_true", help="a scene and two clips of four frames, with few steps")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    parser.add_argument("--pictures", type=Path, help="a folder for sheets of pictures")
    parser.add_argument("--model", type=Path, help="a folder in Stable Diffusion's layout; the embedded one by default")
    parser.add_argument("--inpaint-model", type=Path, help="one with an inpainting UNet; the embedded one by default")
    parser.add_argument("--clip-model", type=Path, help="a CLIP model, for frame consistency; histograms without it")
    parser.add_argument("--cases", nargs="+", choices=GROUPS, default=GROUPS, help="which groups of clips")
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="which methods; all by default")
    parser.add_argument("--minutes", type=float, default=math.inf, help="then paint no more, and tell what is there")
    return parser.parse_args()


def _main(options: argparse.Namespace) -> None:
    _prepare(options.threads)
    run = Run(
        models=_models(options),
        methods=command.chosen(methods(options.quick), options.methods, "method"),
        store=Store(options.folder / "results"),
        threads=options.threads,
        quick=options.quick,
        clip_model=options.clip_model,
        until=time.monotonic() + 60 * options.minutes,
    )
    run.methods = [method for method in run.methods if method.model is None or method.model in run.models]
    for group in options.cases:
        run.cases[group] = cases_of(group, options.folder, options.quick, options.threads)
        run.results[group] = _results(run, group)
    if PLAIN in run.models and time.monotonic() < run.until:
        run.latent_motion = {case.name: _latent_motion(run, case) for case in run.cases.get("twelve", ())}
    machine = measuring.machine()
    tables = report(run, machine)
    print(tables)
    command.put_into(options.page, tables)
    if options.json:
        command.write_json(numbers(run, machine), options.json)
    if options.pictures:
        draw(run, options.pictures)


def _prepare(threads: int) -> None:
    """So many threads everywhere, and nothing of diffusers' about the age of Text2Video-Zero."""
    from diffusers.utils import logging

    logging.set_verbosity_error()
    command.use_threads(threads)


def _models(options: argparse.Namespace) -> dict[str, Model]:
    """The models by layout; where one is missing, its rows are left out. Raises `UserError` where both are."""
    found = {}
    for layout, given, name in (
        (PLAIN, options.model, "simcraft-image"),
        (INPAINT, options.inpaint_model, "simcraft-image-inpaint"),
    ):
        try:
            found[layout] = Model(given or embedded_model(name))
        except UserError as error:
            print(f"Without the {layout} model: {error.message}", file=sys.stderr)
            missing = error
    if not found:
        raise missing
    return found


def _results(run: Run, group: str) -> list[Result]:
    """What the methods make of the cases of a group, from the store or painted now; what takes long comes last."""
    found = []
    for method in sorted(run.methods, key=_late):
        for case in run.cases[group] if group in method.groups else ():
            if method.needs_truth and case.truth is None:
                continue
            result = _result(run, method, case)
            found += [] if result is None else [result]
    return found


def _late(method: Method) -> int:
    """Where there is no time for everything, the reference and then Text2Video-Zero are left out."""
    return 2 if method.paint is zero else int(method.settings.get("mode") == "reference")


def _result(run: Run, method: Method, case: Case) -> Result | None:
    """None where it is not there and the time is over."""
    key, measured_by = run.key(method, case), measuring_digest(run.clip_model)
    there = run.store.result(key, lambda frames: measure(case, frames, run.clip_model), measured_by)
    if there is not None:
        return there
    if time.monotonic() >= run.until:
        return None
    model = None if method.model is None else run.models[method.model]
    if method.model not in run.warm:
        warm_up(case, model)
        run.warm.add(method.model)
    made, seconds = painted(method, case, model)
    result = result_of(method, case, made, seconds, measure(case, made.frames, run.clip_model))
    run.store.keep(key, made.frames, result, measured_by)
    print(f"{case.name}, {method.name}: {seconds:.1f} s", file=sys.stderr, flush=True)
    return result


def _latent_motion(run: Run, case: Case) -> Measures:
    model, steps = run.models[PLAIN], 2 if run.quick else 20
    key = key_of("latent motion", case, model, {"steps": steps, "by": measuring_digest(None)}, run.threads)
    return run.store.values(key, lambda: latent_motion_measures(case, model.pipeline, steps))


# --------------------------------------------------------------------------------------------------------------- output


def report(run: Run, machine: str) -> str:
    """All tables in Markdown, and what they say of the claims."""
    names = {part: [method.name for method in methods() if method.part == part] for part in _PARTS}
    lines = ["A quick run, to see that everything works: its figures say nothing.", ""] if run.quick else []
    for group, results in run.results.items():
        rows = [*names["methods"], *names["controls"]]
        lines += [f"## {TITLES[group]}", "", floor_line(results), "", table(results, rows, LIKENESS), ""]
        lines += [table(results, rows, MOTION), ""]
        lines += [paired_table(results, names["methods"], "warp", (NEW, ELSEWHERE)), ""]
        if any(result.method == "reference" for result in results):
            compared = (PSNR, NEW, MOTION_CONSISTENCY, FRAME_CONSISTENCY)
            lines += [paired_table(results, OURS, "reference", compared), "", speed_table(results, OURS), ""]
        if any(result.method in names["ablations"] for result in results):
            ablated = table(results, names["ablations"], (*LIKENESS, *MOTION))
            lines += ["### Ablations, on the plain model in fast mode", "", ablated, ""]
    if run.latent_motion:
        lines += ["## Motion of pictures and of latents", "", latent_motion_table(run.latent_motion), ""]
    return "\n".join([*lines, *claims(run.results), "", f"{run.threads} threads; {machine}."])


_PARTS = ("methods", "controls", "ablations")


def numbers(run: Run, machine: str) -> dict[str, Any]:
    """The content of the JSON file."""
    return {
        "machine": machine,
        "threads": run.threads,
        "frame_consistency": "CLIP" if run.clip_model else "histograms of colours and edges",
        "models": {name: {"folder": str(m.folder), "sha256": m.digest} for name, m in run.models.items()},
        "settings": {method.name: method.settings for method in run.methods},
        "groups": {group: [asdict(result) for result in results] for group, results in run.results.items()},
        "latent_motion": run.latent_motion,
        "claims": claims(run.results),
    }


def draw(run: Run, folder: Path) -> None:
    """A sheet of each group, and of the cases in which we are furthest behind `warp` where content is new."""
    for group, cases in run.cases.items():
        chosen = cases if group == "scenes" else cases[:PICTURED]
        save_png(sheet([_block(run, case) for case in chosen]), folder / f"motioncraft_{group}.png")
    group = "physion" if "physion" in run.cases else "twelve"
    for method in ("inpaint, composited", "fast"):
        worst = worst_cases(run.results.get(group, []), method, FAILURES)
        by_name = {case.name: case for case in run.cases.get(group, ())}
        if worst:
            name = f"motioncraft_failures_{method.split(',')[0]}.png"
            save_png(sheet([_block(run, by_name[case]) for case in worst]), folder / name)


def _block(run: Run, case: Case) -> Block:
    rows = []
    if case.truth is not None:
        rows = [("truth", case.truth), ("new content", new_content_picture(case.truth, case.new))]
    for name in SHOWN:
        for method in run.methods:
            frames = run.store.frames(run.key(method, case)) if method.name == name else None
            if frames is not None:
                rows.append((name, frames))
    return Block(f"{case.name}: {case.prompt}", tuple(rows))


if __name__ == "__main__":
    main()
