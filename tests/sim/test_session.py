"""One Blender records scene after scene, and each scene is what it would be alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simcraft as sc
from simcraft.errors import UserError
from simcraft.sim.blender import BlenderSession, ChildCrash, blender_session
from simcraft.sim.simulate import record_in_child
from tests.blender.conftest import BLENDERS, blender_executable
from tests.sim.test_simulate import SCRIPT, runs, wait_until


def record(session: BlenderSession, function: str, data: Path, out: Path | None = None, **options: Any) -> sc.Recording:
    """Record one of the scenes in `scenes_for_simulate.py`."""
    source = {"build": {"script": str(SCRIPT), "function": function, "data": str(data)}}
    return record_in_child(source, {"preview": True, **options}, out=out, session=session)


def process_of(session: BlenderSession) -> int:
    """The process id of the session's present Blender."""
    assert session._child is not None
    return session._child.process.pid


@pytest.mark.parametrize("kind", BLENDERS)
def test_one_blender_records_many_scenes_and_leaves(tmp_path: Path, kind: str) -> None:
    with blender_session(blender_executable(kind)) as session:
        falling = record(session, "falling_cube", tmp_path, tmp_path / "a")
        process = process_of(session)
        moving = record(session, "moving_cube", tmp_path, tmp_path / "b")
        assert process_of(session) == process and session.scenes == 2
        assert (falling.frame_count, moving.frame_count) == (12, 4)
    assert not runs(process)
    assert all("@simcraft" in (tmp_path / name / "simulate.log").read_text() for name in "ab")
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["a", "b"]


@pytest.mark.bpy
def test_after_some_scenes_comes_a_fresh_blender(tmp_path: Path) -> None:
    with blender_session(recycle=2) as session:
        processes = []
        for _ in range(3):
            record(session, "moving_cube", tmp_path, tmp_path / "r")
            processes.append(process_of(session))
        assert processes[0] == processes[1] != processes[2]
        assert not runs(processes[0]) and session.scenes == 3


@pytest.mark.bpy
def test_after_a_crash_or_an_error_the_session_goes_on(tmp_path: Path) -> None:
    with blender_session() as session:
        with pytest.raises(ChildCrash, match="at the stage 'build'"):
            record(session, "die", tmp_path, tmp_path / "r")
        assert (tmp_path / "r.log").is_file()
        assert record(session, "moving_cube", tmp_path).frame_count == 4
        with pytest.raises(UserError, match="3:1 is reversed"):
            record(session, "moving_cube", tmp_path, frames=(3, 1))
        assert record(session, "moving_cube", tmp_path).frame_count == 4
        # between two scenes, as by a system short of memory
        os.kill(process_of(session), signal.SIGKILL)
        assert record(session, "moving_cube", tmp_path).frame_count == 4
        assert session.scenes == 3


OWNER = """
import sys
from pathlib import Path
from simcraft.sim import blender_session
from tests.sim.test_session import record
with blender_session(sys.argv[2] or None) as session:
    record(session, "moving_cube", Path(sys.argv[1]))
    record(session, sys.argv[3], Path(sys.argv[1]))
"""


@pytest.mark.parametrize("kind", BLENDERS)
@pytest.mark.parametrize("scene", ["sleep", "work"])
def test_a_blender_in_work_leaves_with_its_owner(tmp_path: Path, kind: str, scene: str) -> None:
    pid_file, temporary = tmp_path / "pid", tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-c", OWNER, str(pid_file), blender_executable(kind) or "", scene]
    owner = subprocess.Popen(command, cwd=SCRIPT.parents[2], env={**os.environ, "TMPDIR": str(temporary)})
    wait_until(lambda: pid_file.exists() and pid_file.read_text() != "")
    owner.kill()
    owner.wait()
    wait_until(lambda: not runs(int(pid_file.read_text())))
    assert not list(temporary.glob("simcraft-blender-*"))


@pytest.mark.parametrize("kind", BLENDERS)
def test_blender_keeps_to_the_threads_that_it_is_given(tmp_path: Path, kind: str) -> None:
    with blender_session(blender_executable(kind), threads=1) as session:
        record(session, "moving_cube", tmp_path)
        before = times_of_threads(session)
        sc.simulate("drape", frames=(1, 12), preview=True, session=session)
        work = [time - before.get(thread, 0) for thread, time in times_of_threads(session).items()]
        # while it may run on all cores
        assert os.sched_getaffinity(process_of(session)) == os.sched_getaffinity(0)
    assert sum(work) > 10
    assert max(work) > 0.9 * sum(work)


def times_of_threads(session: BlenderSession) -> dict[str, int]:
    """Number of each thread of the session's Blender -> its processor time in hundredths of a second."""
    threads = Path(f"/proc/{process_of(session)}/task").iterdir()
    told = {thread.name: (thread / "stat").read_text().rpartition(")")[2].split() for thread in threads}
    return {thread: int(fields[11]) + int(fields[12]) for thread, fields in told.items()}


def test_a_session_has_its_blender_already(tmp_path: Path) -> None:
    with blender_session("true") as session, pytest.raises(UserError, match="Both a session and a Blender"):
        sc.simulate("dominoes", session=session, blender="true")


@pytest.mark.bpy
def test_every_other_frame_is_simulated_as_ever(tmp_path: Path) -> None:
    with blender_session() as session:
        whole = record(session, "falling_cube", tmp_path, frames=(2, 9))
        thinned = record(session, "falling_cube", tmp_path, frames=(2, 9), every=3)
        stepped = record(session, "stepped_cube", tmp_path, every=2)
        with pytest.raises(UserError, match="Every 0 frames"):
            record(session, "moving_cube", tmp_path, every=0)
    assert thinned.frame_numbers.tolist() == [2, 5, 8]
    assert thinned.fps == whole.fps / 3
    np.testing.assert_array_equal(thinned.bodies[0].transforms, whole.bodies[0].transforms[::3])
    assert np.diff(thinned.bodies[0].transforms[:, 2, 3]).max() < 0
    # the scene's own step of 3 comes on top
    assert stepped.frame_numbers.tolist() == [1, 7, 13]
    assert stepped.fps == 24 / 6
