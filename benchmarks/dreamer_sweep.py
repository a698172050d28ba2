"""What Motion Dreamer's paper leaves open: p, tau, lambda and delta, each changed by itself, on equal small budgets.

    python -m benchmarks.dreamer_sweep --data out/dreamer --steps 400 [--only NAME ...] [--page PATH]

Trains stage one anew for each value, as `simcraft train dreamer` does, and what the ablation of `benchmarks.dreamer`
compares on that budget, stage two and the one-stage model; then predicts held-out clips. A sweep that is broken off
goes on where it was. The models stay in the folder: "default" (both stages), "lambda-1" and "one-stage" are what
`benchmarks.dreamer` takes as --small, --no-enhancement and --one-stage.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import command, measuring
from benchmarks.dreamer_cases import Case, cases_of
from benchmarks.dreamer_measures import Measured, finite
from benchmarks.dreamer_reasoning import GIVEN, MOVING, errors_told
from benchmarks.dreamer_rows import REASONING, Model
from benchmarks.dreamer_store import Store, key_of
from benchmarks.tables import markdown, mean_text, paired
from simcraft.train.dreamer_loss import Options
from simcraft.train.dreamer_run import train_dreamer
from simcraft.train.dreamer_samples import Hiding
from simcraft.train.loop import Budget

FOLDER = Path("out/benchmarks/dreamer")
DEFAULT, ONE_STAGE = "default", "one-stage"


@dataclass(frozen=True)
class Variant:
    """A value of what is open."""

    name: str
    says: str
    options: Options = field(default_factory=Options)
    stage: str = "1"
    delta: float = 1.0
    """Scale of the arrows that are given; of the default's model where it is not 1."""

    @property
    def model(self) -> str:
        """The folder of its model; stage two lies beside the default's stage one."""
        return DEFAULT if self.delta != 1 or self.stage == "2" else self.name


VARIANTS = (
    Variant(DEFAULT, "p 0.5, single pixels or whole instances; tau 0.004; lambda 4; delta 1"),
    Variant("p-0.2", "p 0.2", Options(Hiding(ratio=0.2))),
    Variant("p-0.8", "p 0.8", Options(Hiding(ratio=0.8))),
    Variant("pixels", "single pixels alone, as in the paper", Options(Hiding(masking="cells"))),
    Variant("instances", "whole instances alone", Options(Hiding(masking="instances"))),
    Variant("tau-0.016", "tau 0.016: a pixel a frame", Options(threshold=0.016)),
    Variant("lambda-1", "lambda 1: no enhancement loss", Options(enhancement=1.0)),
    Variant("lambda-16", "lambda 16", Options(enhancement=16.0)),
    Variant("delta-0.5", "delta 0.5, of the default's model", delta=0.5),
    Variant("delta-2", "delta 2, likewise", delta=2.0),
    Variant("painting", "stage two", stage="2"),
    Variant(ONE_STAGE, "the one-stage model", stage="one"),
)


def main() -> None:
    command.run(_main, _options)


def _options() -> argparse.Namespace:
    parser = command.parser(__doc__, FOLDER)
    parser.add_argument("--data", type=Path, required=True, help="prepared by simcraft train prepare --for dreamer")
    parser.add_argument("--steps", type=int, default=400, help="of each training")
    parser.add_argument("--batch", type=int, default=8, help="examples a step")
    parser.add_argument("--layout", default="small", help="of the networks")
    parser.add_argument("--clips", type=int, default=50, help="held-out clips that are predicted")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these alone: " + ", ".join(v.name for v in VARIANTS))
    return parser.parse_args()


def _main(options: argparse.Namespace) -> None:
    variants = command.chosen(VARIANTS, options.only, "variant")
    for variant in variants:
        if variant.delta == 1:
            _train(variant, options)
    cases = cases_of("held-out", options.folder, None, options.threads)[: options.clips]
    store = Store(options.folder / "results")
    found = {}
    for variant in (variant for variant in variants if variant.stage == "1"):
        model = Model(model_folder(variant, options.folder), "stage_one")
        found[variant.name] = {case.name: _errors(variant, case, model, store) for case in cases}
    lines = [table(found), "", f"{options.steps} steps of {options.batch} each; {measuring.machine()}."]
    print("\n".join(lines))
    command.put_into(options.page, "\n".join(lines))


def model_folder(variant: Variant, folder: Path) -> Path:
    """Where the sweep leaves a model."""
    return folder / "sweep" / variant.model


def _train(variant: Variant, options: argparse.Namespace) -> None:
    """Nothing where it has been trained so far already."""
    run = options.folder / "sweep" / f"{variant.name}-run"
    print(f"{variant.name}: {variant.says}", file=sys.stderr, flush=True)
    result = train_dreamer(
        variant.stage,
        options.data,
        model_folder(variant, options.folder),
        run,
        Budget(steps=options.steps, evaluate_minutes=1e6),
        layout=options.layout,
        options=variant.options,
        changes={"batch": options.batch},
        threads=options.threads,
    )
    print(json.dumps(result), file=sys.stderr, flush=True)


def _errors(variant: Variant, case: Case, model: Model, store: Store) -> dict[str, float]:
    """`errors_told` with the variant's delta, from the store or new; those that the case has."""
    key = key_of(f"sweep {variant.delta}", (REASONING,), case, {REASONING: model})
    measured = store.measured(key)
    if measured is None:
        measured = Measured(finite(errors_told(case, model.pipeline, variant.delta)))
        store.keep_values(key, measured)
    return {name: value for name, value in measured.values.items() if value is not None}


def table(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Means over clips, and what an error has more than the default's, with its 95 % interval; `found` by variant."""
    columns = [*(f"{MOVING}, {name}" for name in GIVEN), "labels", "depth"]
    rows = []
    for variant in (variant for variant in VARIANTS if variant.name in found):
        cells = []
        for column in columns:
            mine, theirs = (_of(found.get(name, {}), column) for name in (variant.name, DEFAULT))
            pair = None if variant.name == DEFAULT else paired(mine, theirs)
            against = "" if pair is None else f" ({pair.mean:+.3f} [{pair.low:+.3f}, {pair.high:+.3f}])"
            cells.append(mean_text(list(mine.values()), 3) + against)
        rows.append([variant.says, *cells])
    heads = [*(f"{name}: end-point error, px" for name in GIVEN), "instances: IoU", "depth: error, %"]
    return markdown(["changed", *heads], rows)


def _of(cases: Mapping[str, Mapping[str, float]], column: str) -> dict[str, float]:
    return {case: values[column] for case, values in cases.items() if column in values}


if __name__ == "__main__":
    main()
