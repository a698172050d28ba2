"""Motion Dreamer, measured: stage two against `warp`, stage one against the simulation, and the paper's ablations.

    python -m benchmarks.dreamer [--quick] [--model DIR] [--page PATH] [--json PATH] [--pictures DIR]

A hundred held-out clips with true renders; dominoes that differ in push and gap, and towers. Everything made is kept in
a folder, so that a run that was broken off goes on, and nothing is painted twice. docs/benchmarks/dreamer.md says what
each column means.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import command, measuring
from benchmarks.dreamer_cases import GROUPS, Case, cases_of
from benchmarks.dreamer_measures import Measured, finite, measure
from benchmarks.dreamer_pictures import motion_sheet, video_sheet
from benchmarks.dreamer_reasoning import toppled, unprompted
from benchmarks.dreamer_rows import (
    MOTIONCRAFT,
    NO_ENHANCEMENT,
    ONE,
    PAINTING,
    REASONING,
    SMALL,
    SMALL_PAINTING,
    Model,
    Row,
    rows,
)
from benchmarks.dreamer_store import Store, key_of, row_key
from benchmarks.dreamer_table import (
    TRUTH,
    Results,
    against_moved,
    against_simulation,
    against_warp,
    main_table,
    motion_table,
    order_table,
    reasoning_table,
    topple_table,
)
from simcraft.errors import UserError
from simcraft.generate.embedded import embedded_model
from simcraft.generate.motion_dreamer.pipeline import MotionDreamerPipeline
from simcraft.generate.motioncraft.loading import load_pipeline as load_motioncraft
from simcraft.metrics.i3d import I3D, load_i3d
from simcraft.picture import save_png

FOLDER = Path("out/benchmarks/dreamer")
TITLES = {"held-out": "Held-out clips", "tower": "Towers"}


@dataclass
class Run:
    """What a run was asked for, and what it has found so far."""

    models: dict[str, Model]
    rows: list[Row]
    store: Store
    i3d: Path | None
    """Folder of its weights."""
    until: float
    """By `time.monotonic`: from then on nothing more is made."""
    quick: bool = False
    cases: dict[str, list[Case]] = field(default_factory=dict)
    """By group."""
    results: dict[str, dict[str, dict[str, Measured]]] = field(default_factory=dict)
    """By group, row and case."""
    errors: dict[str, dict[str, float]] = field(default_factory=dict)
    """Of what has no arrow, by case and prediction; a case that does not count has none."""
    times: dict[str, dict[str, float]] = field(default_factory=dict)
    """Of toppling, likewise."""

    @cached_property
    def network(self) -> I3D | None:
        """With those weights."""
        return None if self.i3d is None else load_i3d(self.i3d)

    @property
    def kinds(self) -> list[str]:
        """Of the distances between videos."""
        return ["frames", *(["i3d"] if self.i3d else []), "estimated"]


def main() -> None:
    command.run(_main, read_options)


def read_options() -> argparse.Namespace:
    parser = command.parser(__doc__, FOLDER)
    parser.add_argument("--quick", action="store_true", help="four clips of each group, to see that everything works")
    parser.add_argument("--model", type=Path, help="both stages; the embedded one by default")
    parser.add_argument("--small", type=Path, help="a model with both stages, trained on a small budget")
    parser.add_argument("--no-enhancement", type=Path, help="one with stage one, trained with --enhancement 1")
    parser.add_argument("--one-stage", type=Path, help="one with the one-stage network, likewise")
    parser.add_argument("--inpaint-model", type=Path, help="MotionCraft's; the embedded one by default")
    parser.add_argument("--i3d", type=Path, help="a folder with I3D's weights, for the published FVD")
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=list(GROUPS), help="which groups of clips")
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="which rows; all by default")
    parser.add_argument("--minutes", type=float, default=math.inf, help="then make no more, and tell what is there")
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    parser.add_argument("--pictures", type=Path, help="a folder for sheets of pictures")
    return parser.parse_args()


def _main(options: argparse.Namespace) -> None:
    command.use_threads(options.threads)
    models = chosen_models(options)
    run = Run(
        models=models,
        rows=_possible(_chosen(options.rows), models),
        store=Store(options.folder / "results"),
        i3d=options.i3d,
        until=time.monotonic() + 60 * options.minutes,
        quick=options.quick,
    )
    for group in options.groups:
        run.cases[group] = cases_of(group, options.folder, 4 if options.quick else None, options.threads)
    work(run)
    tables = f"{report(run)}\n\n{options.threads} threads; {measuring.machine()}."
    print(tables)
    command.put_into(options.page, tables)
    if options.json:
        command.write_json(numbers(run), options.json)
    if options.pictures:
        draw(run, options.pictures)


def chosen_models(options: argparse.Namespace) -> dict[str, Model]:
    """The models that are there; a line says where one is missing.

    Raises `UserError` for a folder that was given and has none of the networks that it is to have.
    """
    dreamer = options.model or _embedded("simcraft-dreamer")
    found: dict[str, Model] = {}
    for option, folder, networks in (
        ("--model", dreamer, {PAINTING: "stage_two", REASONING: "stage_one"}),
        ("--small", options.small, {SMALL: "stage_one", SMALL_PAINTING: "stage_two"}),
        ("--no-enhancement", options.no_enhancement, {NO_ENHANCEMENT: "stage_one"}),
        ("--one-stage", options.one_stage, {ONE: "one_stage"}),
    ):
        if folder is not None:
            found |= _networks(option, folder, networks)
    if inpaint := options.inpaint_model or _embedded("simcraft-image-inpaint"):
        found[MOTIONCRAFT] = Model(inpaint, load=load_motioncraft)
    return found


def _networks(option: str, folder: Path, networks: Mapping[str, str]) -> dict[str, Model]:
    """The models in the folder, by name; `networks` are those that it is to have."""
    there = {name: Model(folder, network) for name, network in networks.items() if (folder / network).is_dir()}
    if not there:
        raise UserError(
            f"{option}: {folder} has no {' and no '.join(networks.values())}.",
            "Give the folder of a model that `simcraft train dreamer` has made.",
        )
    for name in networks.keys() - there.keys():
        print(f"{option}: {folder} has no {networks[name]}.", file=sys.stderr)
    return there


def _embedded(name: str) -> Path | None:
    try:
        return embedded_model(name)
    except UserError as error:
        print(f"Without {name}: {error.message}", file=sys.stderr)
        return None


def _chosen(names: list[str] | None) -> list[Row]:
    # distances are to the truth, the first of them
    known = rows()
    return command.chosen(known, None if names is None else [known[0].name, *names], "row")


def work(run: Run) -> None:
    """Find or make all results of the cases."""
    for group in (group for group in TITLES if group in run.cases):
        run.results[group] = {row.name: _results(run, row, run.cases[group]) for row in run.rows}
    if REASONING in run.models:
        _reason(run)


def _possible(wanted: list[Row], models: dict[str, Model]) -> list[Row]:
    missing = [row.name for row in wanted if not set(row.models) <= models.keys()]
    if missing:
        print(f"Left out, for want of a model: {'; '.join(missing)}.", file=sys.stderr)
    return [row for row in wanted if row.name not in missing]


def _results(run: Run, row: Row, cases: list[Case]) -> dict[str, Measured]:
    found = {}
    for case in cases:
        key = row_key(row, case, run.models, run.i3d)
        measured = run.store.measured(key)
        if measured is None and time.monotonic() < run.until:
            with torch.no_grad():
                made = row.make(case, run.models)
            measured = measure(case, made, run.network)
            run.store.keep(key, made, measured)
            print(f"{case.name}, {row.name}", file=sys.stderr, flush=True)
        if measured is not None:
            found[case.name] = measured
    return found


def _reason(run: Run) -> None:
    """What one arrow leads to, on the held-out clips, and when chains of dominoes fall."""
    for case in run.cases.get("held-out", ()):
        run.errors |= _values(run, case, "unprompted", unprompted)
    for case in run.cases.get("topple", ()):
        run.times |= _values(run, case, "topple", toppled)


def _values(
    run: Run, case: Case, what: str, compute: Callable[[Case, MotionDreamerPipeline], dict[str, float]]
) -> dict[str, dict[str, float]]:
    """Named numbers of a case by its name, from the store or computed now; empty where there is no time for it."""
    key = key_of(what, (REASONING,), case, run.models)
    measured = run.store.measured(key)
    if measured is None:
        if time.monotonic() >= run.until:
            return {}
        measured = Measured(finite(compute(case, run.models[REASONING].pipeline)))
        run.store.keep_values(key, measured)
        print(f"{case.name}, {what}", file=sys.stderr, flush=True)
    return {case.name: {name: math.nan if value is None else value for name, value in measured.values.items()}}


# --------------------------------------------------------------------------------------------------------------- output


def report(run: Run) -> str:
    """All tables in Markdown, and what they say of the claims."""
    lines = ["A quick run, of four clips a group: it shows that everything works, and nothing else.", ""] * run.quick
    names = [row.name for row in run.rows]
    for group, results in run.results.items():
        lines += [f"## {TITLES[group]}", "", main_table(results, names, run.kinds), ""]
        if predicted := motion_table(results, names):
            lines += [predicted, "", *filter(None, [against_moved(results)]), ""]
        if group == "held-out":
            lines += _claims(run, results, names)
    if run.errors:
        lines += ["## What has no arrow", "", reasoning_table(run.errors), ""]
    if run.times:
        lines += ["## When the chain falls", "", topple_table(run.times), ""]
    return "\n".join(lines).rstrip()


def _claims(run: Run, results: Results, names: list[str]) -> list[str]:
    lines = ["Better than warp where content is new, and not worse elsewhere:", ""]
    others = [name for name in names if name != "warp"]
    lines += [line for name in others if (line := against_warp(results, name, run.kinds))]
    if lost := against_simulation(results, run.kinds):
        lines += ["", lost]
    if order := order_table(results, run.kinds):
        lines += ["", "### The paper's order", "", order]
    return [*lines, ""]


def numbers(run: Run) -> dict[str, Any]:
    """The content of the JSON file."""
    return {
        "machine": measuring.machine(),
        "models": {name: {"folder": str(model.folder), "sha256": model.digest} for name, model in run.models.items()},
        "groups": {
            group: {row: {case: asdict(each) for case, each in found.items()} for row, found in results.items()}
            for group, results in run.results.items()
        },
        "unprompted": run.errors,
        "topple": run.times,
    }


def draw(run: Run, folder: Path) -> None:
    """Videos and predicted motion of a few clips of each group."""
    for group, cases in run.cases.items():
        if group not in run.results:
            continue
        made = [case for case in cases if case.name in run.results[group][TRUTH]]
        if not made:
            continue
        found = {
            case: {row.name: run.store.arrays(row_key(row, case, run.models, run.i3d)) for row in run.rows}
            for case in _spread(made, 6)
        }
        save_png(video_sheet(found), folder / f"dreamer_{group}_videos.png")
        save_png(motion_sheet(found), folder / f"dreamer_{group}_motion.png")


def _spread(cases: list[Case], count: int) -> list[Case]:
    return [cases[i] for i in np.unique(np.linspace(0, len(cases) - 1, count).round().astype(int))]


if __name__ == "__main__":
    main()
