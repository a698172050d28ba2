"""What a session does with the answers: motions and videos are kept, and what depends on a motion goes with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from blender_addon.control.orders import free_path, motion_steps, video_step
from blender_addon.jobs import State, Ticket
from tests.control.orders import SCENE, Studio


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    studio = Studio(tmp_path)
    yield studio
    studio.session.close()


def test_a_motion_and_its_video_are_kept(studio: Studio) -> None:
    motion = studio.motion()
    video = studio.video(motion, seed=7)
    studio.session.add(studio.order(motion, video))
    studio.finish()
    assert studio.requests() == ["check", "observe", "generate"]
    found = studio.session.motions.find(SCENE)
    assert found is not None
    assert found[0] == motion.folder
    assert found[1].warnings == ("Slow.", "Far away.")
    assert studio.session.made_at[motion.folder] == 5
    assert not motion.copy.exists()
    result = studio.session.results.find(SCENE)
    assert result is not None
    assert (result.video, result.seed, result.generator, result.summary) == (video.out, 7, "paint", "It moves.")
    assert result.report == video.report
    assert studio.session.tickets == []


def test_a_new_motion_takes_the_place_of_the_old_one(studio: Studio) -> None:
    first, second = studio.motion(), studio.motion()
    studio.session.add(studio.order(first, None))
    studio.finish()
    studio.hold.touch()
    # another video needs the old one, and it stays until that is done
    studio.session.add(studio.order(second, None))
    waiting = studio.session.add(studio.order(None, studio.video(first)))
    studio.hold.unlink()
    studio.finish()
    assert waiting.state is State.DONE
    assert first.folder.exists()
    third = studio.motion()
    studio.session.add(studio.order(third, None))
    studio.finish()
    assert [f.exists() for f in (first.folder, second.folder, third.folder)] == [False, False, True]


def test_a_job_that_fails_is_resumed_where_it_failed(studio: Studio) -> None:
    motion = studio.motion()
    Path(studio.refuse + "generate").touch()
    ticket = studio.session.add(studio.order(motion, studio.video(motion)))
    studio.finish()
    assert ticket.state is State.FAILED
    assert studio.session.motions.find(SCENE) is not None
    Path(studio.refuse + "generate").unlink()
    again = studio.session.resume(ticket)
    studio.finish()
    assert again.state is State.DONE
    assert studio.requests() == ["check", "observe", "generate", "generate"]
    assert studio.session.results.find(SCENE) is not None


def test_videos_do_not_wait_for_a_motion_that_will_not_come(studio: Studio) -> None:
    motion = studio.motion()
    Path(studio.refuse + "observe").touch()
    maker = studio.session.add(studio.order(motion, None))
    videos = [studio.session.add(studio.order(None, studio.video(motion, seed))) for seed in range(2)]
    studio.finish()
    assert [ticket.state for ticket in (maker, *videos)] == [State.FAILED, State.STOPPED, State.STOPPED]
    # to resume one of the videos is to make the motion as well
    Path(studio.refuse + "observe").unlink()
    studio.asked.unlink()
    studio.session.resume(videos[1])
    studio.finish()
    assert studio.session.tickets == [videos[0]]
    assert studio.requests() == ["observe", "generate"]


def test_to_resume_a_motion_is_to_resume_its_videos(studio: Studio) -> None:
    motion = studio.motion()
    Path(studio.refuse + "observe").touch()
    maker = studio.session.add(studio.order(motion, None))
    for seed in range(3):
        studio.session.add(studio.order(None, studio.video(motion, seed)))
    studio.finish()
    Path(studio.refuse + "observe").unlink()
    studio.asked.unlink()
    studio.session.resume(maker)
    studio.finish()
    assert studio.session.tickets == []
    assert studio.requests() == ["observe", "generate", "generate", "generate"]


def test_who_removes_a_motion_removes_its_videos(studio: Studio) -> None:
    motion = studio.motion()
    Path(studio.refuse + "observe").touch()
    maker = studio.session.add(studio.order(motion, None))
    video = studio.video(motion)
    studio.session.add(studio.order(None, video))
    studio.finish()
    studio.session.remove(maker)
    assert studio.session.tickets == []
    assert not motion.folder.exists()
    assert not video.folder.exists()


def test_a_running_job_is_stopped_and_a_waiting_one_removed(studio: Studio) -> None:
    motion, other = studio.motion(), studio.motion()
    studio.hold.touch()
    running = studio.session.add(studio.order(motion, studio.video(motion)))
    waiting = studio.session.add(studio.order(other, studio.video(other, 1)))
    studio.pump_until(lambda: running.stage == "simulate")
    assert studio.session.running is running
    studio.session.cancel(waiting)
    studio.session.cancel(running)
    assert running.state is State.STOPPING
    studio.finish()
    assert studio.session.tickets == [running]
    assert running.state is State.STOPPED
    assert not other.folder.exists()
    studio.hold.unlink()
    number = studio.session.entries[running].number
    studio.session.resume(running)
    assert studio.session.ticket(number) is not running
    studio.finish()
    assert studio.session.results.find(SCENE) is not None


def test_a_job_of_which_nothing_is_kept_gives_its_name_back(studio: Studio) -> None:
    motion = studio.motion()
    studio.session.add(studio.order(motion, None))
    studio.finish()
    session, out = studio.session, studio.folder / "fall_0.mp4"

    def ordered() -> Ticket:
        video = dataclasses.replace(studio.video(motion), out=session.take_name(out))
        return session.add(studio.order(None, video))

    Path(studio.refuse + "generate").touch()
    bare = ordered()
    studio.finish()
    unwanted = ordered()
    studio.finish()
    studio.begin_painting.touch()
    painted = ordered()
    studio.finish()
    Path(studio.refuse + "generate").unlink()
    studio.begin_painting.unlink()
    # only the last one has left a frame
    outs = [session.entries[t].order.video.out for t in (bare, unwanted, painted)]  # type: ignore[union-attr]
    assert outs == [out, out, out]
    (frames := studio.folder / ".fall_0.mp4.frames").mkdir()
    session.remove(unwanted)
    session.resume(bare)
    session.resume(painted)
    ordered()
    studio.finish()
    assert session.tickets == []
    result = session.results.find(SCENE)
    assert result is not None
    videos = [video.video.name for video in (*result.earlier[::-1], result)]
    assert videos == ["fall_0_2.mp4", "fall_0.mp4", "fall_0_3.mp4"]
    assert frames.exists()


def test_a_motion_that_cannot_be_kept_fails_and_does_not_stop_the_queue(studio: Studio) -> None:
    motion = studio.motion()
    (motion.folder / "motion.json").mkdir()
    ticket = studio.session.add(studio.order(motion, studio.video(motion)))
    studio.finish()
    assert ticket.state is State.FAILED
    assert ticket.problem is not None and "directory" in ticket.problem.message
    (motion.folder / "motion.json").rmdir()
    again = studio.session.resume(ticket)
    studio.finish()
    assert again.state is State.DONE
    assert studio.session.motions.find(SCENE) is not None


def test_other_options_are_those_of_what_is_left(studio: Studio) -> None:
    motion = studio.motion()
    Path(studio.refuse + "generate").touch()
    ticket = studio.session.add(studio.order(motion, studio.video(motion)))
    studio.finish()
    Path(studio.refuse + "generate").unlink()
    again = studio.session.resume_with(ticket, offload="model")
    assert [step.request["request"] for step in again.job.steps] == ["generate"]
    assert again.job.steps[0].request["options"] == {"seed": 0, "offload": "model"}
    studio.finish()
    assert again.state is State.DONE


def test_the_engine_is_asked_what_it_has_once(studio: Studio) -> None:
    session = studio.session
    session.describe()
    session.describe()
    studio.finish()
    assert studio.requests() == ["describe"]
    assert session.knowledge.best == "paint"
    assert session.knowledge.generators == [("paint", "Paint", "Paints.")]
    assert session.knowledge.has("auto", "seed")
    assert not session.knowledge.has("auto", "prompt")
    assert session.tickets == []


def test_an_engine_that_cannot_say_what_it_has(studio: Studio) -> None:
    Path(studio.refuse + "describe").touch()
    studio.session.describe()
    studio.finish()
    assert studio.session.problem is not None
    assert studio.session.problem.message == "No."
    assert not studio.session.knowledge.is_there


def test_what_a_video_costs_is_asked_when_the_settings_rest(studio: Studio) -> None:
    session = studio.session
    session.describe()
    studio.finish()
    for frames in (2, 3, 4):
        assert session.estimate({"generator": "paint", "frames": frames}) is None
    studio.finish()
    estimate = session.estimate({"generator": "paint", "frames": 4})
    assert estimate is not None
    assert (estimate.seconds, estimate.bytes) == (16.0, 1e9)
    assert studio.requests() == ["describe", "estimate"]


def test_names_of_videos_are_never_used_twice(tmp_path: Path) -> None:
    path = tmp_path / "fall.mp4"
    assert free_path(path, lambda _: True) == path
    path.touch()
    assert free_path(path, lambda _: True) == tmp_path / "fall_2.mp4"
    assert free_path(path, lambda p: p.name != "fall_2.mp4") == tmp_path / "fall_3.mp4"


def test_effects_are_solved_between_two_visits_to_blender(studio: Studio) -> None:
    motion = studio.motion()

    def steps(**changes: object) -> list[tuple[str, str]]:
        order = dataclasses.replace(motion, **changes)  # type: ignore[arg-type]
        return [(step.process, step.request["request"]) for step in motion_steps(order)]

    assert steps() == [("blender", "record"), ("engine", "observe")]
    assert steps(has_effects=True) == [
        ("blender", "record"), ("engine", "solve"), ("blender", "first_frame"), ("engine", "observe")
    ]  # fmt: skip
    assert steps(has_effects=True, preview=True) == [("blender", "record"), ("engine", "solve"), ("engine", "observe")]
    assert video_step(studio.video(motion)).request["clip"] == motion.motion.clip
