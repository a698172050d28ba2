"""The tables of the benchmark of MotionCraft, in Markdown, and what they say of its claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks import tables
from benchmarks.motioncraft_measures import LATENT_PAIRS, Measures
from benchmarks.motioncraft_store import Result
from benchmarks.tables import MARGIN, Paired, markdown, mean_text, verdict

OURS = ("fast", "fast, composited", "turbo", "inpaint", "inpaint, composited")
REFERENCES = ("reference", "reference, suited guidance")
"""The published procedure, and the same with the guidance that ours have."""
EIGHTH = 8.0


@dataclass(frozen=True)
class Column:
    """A column: its head, and what it takes from a result."""

    head: str
    value: Callable[[Result], float | None]
    digits: int = 2


def of(name: str) -> Callable[[Result], float | None]:
    """The measure `name` of a result."""
    return lambda result: result.measures.get(name)


PSNR = Column("PSNR", of("psnr"))
NEW = Column("new: PSNR", of("new_psnr"))
ELSEWHERE = Column("elsewhere: PSNR", of("elsewhere_psnr"))
MOTION_CONSISTENCY = Column("motion consistency", of("motion_consistency"), 3)
FRAME_CONSISTENCY = Column("frame consistency", of("frame_consistency"), 4)
LIKENESS = (
    PSNR,
    Column("SSIM", of("ssim"), 3),
    Column("GMSD", of("edge_deviation"), 3),
    Column("sharpness", of("sharpness")),
    NEW,
    Column("new: sharpness", of("new_sharpness")),
    ELSEWHERE,
)
MOTION = (
    MOTION_CONSISTENCY,
    Column("end-point error, px", of("end_point_error")),
    FRAME_CONSISTENCY,
    Column("evaluations a frame", lambda result: result.evaluations_per_frame, 0),
    Column("s a frame", lambda result: result.seconds_per_frame, 3),
)


def paired(results: Sequence[Result], a: str, b: str, value: Callable[[Result], float | None]) -> Paired | None:
    """Compare two methods clip by clip; None where no clip has both."""
    return tables.paired(_values(results, a, value), _values(results, b, value))


def table(results: Sequence[Result], names: Sequence[str], columns: Sequence[Column]) -> str:
    """Means over clips, a row a method; a number in brackets says over how many where a column knows not all."""
    rows = []
    for name in names:
        mine = [result for result in results if result.method == name]
        if mine:
            cells = [mean_text([column.value(r) for r in mine], column.digits) for column in columns]
            rows.append([name, str(len(mine)), *cells])
    return markdown(["method", "clips", *(column.head for column in columns)], rows)


def speed_table(results: Sequence[Result], names: Sequence[str]) -> str:
    """How many times fewer evaluations, and less time, a method takes than the reference, on the same clips."""
    rows = []
    for name in names:
        evaluations = _ratio(results, name, "reference", lambda result: result.evaluations_per_frame)
        seconds = _ratio(results, name, "reference", lambda result: result.seconds_per_frame)
        if evaluations is not None and seconds is not None:
            rows.append([name, f"{evaluations:.1f}", f"{seconds:.1f}"])
    return markdown(["method", "evaluations: reference / method", "seconds: reference / method"], rows)


def paired_table(results: Sequence[Result], names: Sequence[str], other: str, columns: Sequence[Column]) -> str:
    """Mean difference to the method `other`, its 95 % interval, and the share of clips in which it is higher."""
    rows = []
    for name in names:
        found = [paired(results, name, other, column.value) for column in columns]
        if name != other and any(pair is not None for pair in found):
            texts = ["-" if p is None else p.text(column.digits) for p, column in zip(found, columns, strict=True)]
            rows.append([name, *texts])
    return markdown(["method", *(f"{column.head} against {other}" for column in columns)], rows)


def floor_line(results: Sequence[Result]) -> str:
    """What the estimator of flow errs by itself, and what a frozen video errs."""
    cases = {result.case: result for result in results}.values()
    floor = mean_text([r.measures.get("floor") for r in cases], 2)
    still = mean_text([r.measures.get("standstill_error") for r in cases], 2)
    share = mean_text([100 * (r.measures.get("new_share") or 0.0) for r in cases], 1)
    return (
        f"{len(cases)} clips. The estimator of flow errs by {floor} px on the true frames; a video that stands still "
        f"would err by {still} px. {share} % of the pixels are new."
    )


def latent_motion_table(measures: dict[str, Measures]) -> str:
    """How alike the motions of pictures, of latents and the exact one are where things move; means over clips."""
    names = {"exact": "the exact motion", "inverted": "latents inverted to tau"}
    rows = []
    for one, other in LATENT_PAIRS:
        values = [[m.get(f"{one}, {other}{end}") for m in measures.values()] for end in ("", ", cosine")]
        label = f"{names.get(one, one)} and {names.get(other, other)}"
        rows.append([label, str(len(measures)), *(mean_text(column, 2) for column in values)])
    return markdown(["motion of", "clips", "correlation", "cosine"], rows)


def claims(results: dict[str, list[Result]]) -> list[str]:
    """One line a claim and method: does it hold, and by which numbers?

    "Better" is a mean difference whose 95 % interval lies above 0; "not worse elsewhere" one whose interval lies above
    -`MARGIN` dB; "better than the reference" is a better PSNR, with neither consistency lower in the mean.
    """
    shared = [*results.get("scenes", []), *results.get("twelve", [])]
    against_warp = [line for name in OURS if (line := _against_warp(_most(results, name), name))]
    pairs = [(name, other) for other in REFERENCES for name in OURS]
    against_reference = [line for name, other in pairs if (line := _against_reference(shared, name, other))]
    return [
        f"Better than warp where content is new, and not worse elsewhere (by more than {MARGIN:g} dB):",
        *(against_warp or ["- not measured"]),
        "",
        "Better than the reference at an eighth of its cost:",
        *(against_reference or ["- not measured"]),
    ]


def _most(results: dict[str, list[Result]], name: str) -> list[Result]:
    """All held-out clips where the method has been run on them, else the twelve."""
    everything = results.get("physion", [])
    return everything if any(result.method == name for result in everything) else results.get("twelve", [])


def _against_warp(results: Sequence[Result], name: str) -> str | None:
    new = paired(results, name, "warp", NEW.value)
    elsewhere = paired(results, name, "warp", ELSEWHERE.value)
    if new is None or elsewhere is None:
        return None
    inside, outside = new.low > 0, elsewhere.low > -MARGIN
    return (
        f"- {name}: {verdict(inside and outside, new.clips)}. New content, PSNR {new.text()}: {_yes(inside)}. "
        f"Elsewhere {elsewhere.text()}: {_yes(outside)}. {new.clips} clips."
    )


def _against_reference(results: Sequence[Result], name: str, other: str) -> str | None:
    cost = _ratio(results, name, other, lambda result: result.evaluations_per_frame)
    seconds = _ratio(results, name, other, lambda result: result.seconds_per_frame)
    psnr = paired(results, name, other, PSNR.value)
    motion = paired(results, name, other, MOTION_CONSISTENCY.value)
    frame = paired(results, name, other, FRAME_CONSISTENCY.value)
    if cost is None or seconds is None or psnr is None or motion is None or frame is None:
        return None
    better, cheap = psnr.low > 0 and motion.mean >= 0 and frame.mean >= 0, cost >= EIGHTH
    return (
        f"- {name} against {other}: {verdict(better and cheap, psnr.clips)}. "
        f"{cost:.1f} times fewer evaluations: {_yes(cheap)}; "
        f"{seconds:.1f} times less time. PSNR {psnr.text()}, motion consistency {motion.text(3)}, "
        f"frame consistency {frame.text(4)}: {_yes(better)}. {psnr.clips} clips."
    )


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


def _values(results: Sequence[Result], method: str, value: Callable[[Result], float | None]) -> dict[str, float]:
    found = {result.case: value(result) for result in results if result.method == method}
    return {case: number for case, number in found.items() if number is not None}


def _ratio(results: Sequence[Result], name: str, other: str, value: Callable[[Result], float | None]) -> float | None:
    """The sum of `other` over that of `name`, on the clips that both have."""
    ours, theirs = _values(results, name, value), _values(results, other, value)
    both = ours.keys() & theirs.keys()
    total = sum(ours[case] for case in both)
    return sum(theirs[case] for case in both) / total if total > 0 else None
