"""Sets made by jobs of submitit, which starts them as processes of this machine here."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from simcraft.data.folder import Made
from simcraft.data.local_pool import LocalPool
from simcraft.data.make import make_data_set
from simcraft.data.manifest import expand
from simcraft.data.pool import Outcome, Problem, pack_outcome, unpack_outcome
from simcraft.data.slurm import SlurmPool
from simcraft.errors import Failure, UserError
from tests.data import makers
from tests.data.sets import contents, small_recipe

pytest.importorskip("submitit")


def slurm_pool(maker: object, slices: int = 2, cluster: str = "local") -> SlurmPool:
    return SlurmPool("any", slices, LocalPool(1, threads=1, maker=maker), cluster=cluster)  # type: ignore[arg-type]


def test_slices_make_the_set_that_one_process_makes(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path)
    make_data_set(recipe, 7, tmp_path / "here", pool=makers.InThisProcess())
    report = make_data_set(recipe, 7, tmp_path / "there", pool=slurm_pool(makers.formulas))
    assert (report.made, report.failed) == (7, {})
    assert contents(tmp_path / "there") == contents(tmp_path / "here")
    log = [json.loads(line) for line in (tmp_path / "there" / "log.jsonl").read_text().splitlines()]
    by_process: dict[float, set[str]] = {}
    for entry in (entry for entry in log if entry["event"] == "made"):
        by_process.setdefault(entry["seconds"]["process"], set()).add(entry["id"])
    evens, odds = {"000000", "000002", "000004", "000006"}, {"000001", "000003", "000005"}
    assert sorted(by_process.values(), key=len) == [odds, evens]


def test_outcomes_come_back_from_files_as_they_were(tmp_path: Path) -> None:
    one, other = expand(small_recipe(tmp_path), 2)
    made = Outcome(
        one, made=Made({".npz": b"\0clip", ".preview.npz": b""}, ("A ball.",), {"speed": [0.5, 1]}, {"s": 1.5})
    )
    lost = Outcome(other, problem=Problem("It crashed.", "Try again.", again=True, details="words"))
    rows = {one.id: one, other.id: other}
    assert [unpack_outcome(pack_outcome(outcome), rows) for outcome in (made, lost)] == [made, lost]
    assert unpack_outcome(pack_outcome(made), {other.id: other}) is None


@pytest.mark.slow
def test_the_rows_of_a_job_that_ends_too_early_go_to_another(tmp_path: Path) -> None:
    killed: list[str] = []

    class Killed(SlurmPool):
        """Loses its one job, as to a time limit, when it has made a row."""

        def next_finished(self, timeout: float) -> object:  # type: ignore[override]
            outcome = super().next_finished(timeout)
            if outcome is not None and not killed:
                (job,) = self._jobs
                os.kill(int(job.job_id.partition("_")[0]), signal.SIGKILL)
                killed.append(job.job_id)
            return outcome

    recipe = small_recipe(tmp_path)
    pool = Killed("any", 1, LocalPool(1, threads=1, maker=makers.slow_formulas), cluster="local")
    report = make_data_set(recipe, 12, tmp_path / "set", pool=pool)
    assert killed and (report.made, report.failed, report.tried_again) == (12, {}, ())


@pytest.mark.slow
def test_a_crash_costs_its_row_alone(tmp_path: Path) -> None:
    report = make_data_set(small_recipe(tmp_path), 4, tmp_path / "set", pool=slurm_pool(makers.crashing))
    assert (report.made, report.tried_again, list(report.failed)) == (3, (makers.BAD,), [makers.BAD])


@pytest.mark.slow
def test_jobs_that_make_nothing_end_the_run_with_their_reason(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"job \w+ has made no clip: .*There is no Blender"):
        make_data_set(small_recipe(tmp_path), 4, tmp_path / "set", pool=slurm_pool(makers.unopenable))


@pytest.mark.parametrize("missing", ["submitit", "slurm"])
def test_what_is_missing_is_named(tmp_path: Path, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if missing == "submitit":
        monkeypatch.setitem(sys.modules, "submitit", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="submitit is not installed" if missing == "submitit" else "no Slurm here"):
        slurm_pool(makers.formulas, cluster="slurm").start(tmp_path)
