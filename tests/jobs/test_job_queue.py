"""The queue: order, progress, results, cancelling; the engine stays for the next job."""

from __future__ import annotations

from pathlib import Path

import pytest

from blender_addon.jobs import EngineCommand, Problem, State, Step
from tests.jobs.stand_ins import OBEDIENT, blender, engine, finish, job, pump_until, queue_of

DEAF = "ready()\nhear()\nsignal.pause()"
"""Hears one request and nothing after that."""
POLITE = """
ready()
message = hear()
say(event="progress", id=message["id"], stage="work", step=1, steps=9, eta_seconds=None, detail="")
while hear()["request"] != "cancel":
    pass
say(event="error", id=message["id"], message="Stopped.", fix="3 frames are kept.", exit_code=130)
while True:
    message = hear()
    say(event="result", id=message["id"], pid=os.getpid())
"""
"""Stops its first job when it is asked to, and does the others."""


def test_jobs_are_done_in_order_by_one_engine(tmp_path: Path) -> None:
    queue = queue_of(engine(OBEDIENT))
    tickets = [queue.add(job(tmp_path / str(n))) for n in range(3)]
    assert queue.tickets == tuple(tickets)
    assert {ticket.state for ticket in tickets} == {State.WAITING}
    changed = pump_until(queue, lambda: tickets[-1].state is State.DONE)
    assert list(dict.fromkeys(changed)) == tickets
    assert len({ticket.results[0]["pid"] for ticket in tickets}) == 1
    assert tickets[0].warnings == ["careful"]
    assert (tickets[0].stage, tickets[0].detail, tickets[0].fraction) == ("work", "", 1.0)
    queue.forget(tickets[0])
    assert queue.tickets == tuple(tickets[1:])
    queue.close()


def test_nothing_is_started_before_the_first_pump(tmp_path: Path) -> None:
    asked = []
    queue = queue_of(lambda: asked.append(1) or engine(OBEDIENT))
    queue.add(job(tmp_path))
    assert asked == []
    queue.close()


def test_steps_go_to_blender_and_the_engine_in_turn(tmp_path: Path) -> None:
    record, render = Step("blender", {"request": "record", "recording": Path("r")}), Step("engine", {"request": "x"})
    queue = queue_of(engine(OBEDIENT), blender("print('Blender 9.9')\n" + OBEDIENT))
    ticket = queue.add(job(tmp_path, record, render, render))
    finish(queue, ticket)
    assert ticket.state is State.DONE, ticket.problem
    first, second, third = (result["pid"] for result in ticket.results)
    assert first != second == third
    assert "Blender 9.9" in ticket.job.log.read_text()
    queue.close()


def test_a_polite_engine_survives_a_cancel(tmp_path: Path) -> None:
    queue = queue_of(engine(POLITE))
    first, second, third = (queue.add(job(tmp_path)) for _ in range(3))
    pump_until(queue, lambda: first.stage == "work")
    queue.cancel(first)
    queue.cancel(third)
    assert (first.state, third.state) == (State.STOPPING, State.STOPPED)
    finish(queue, first, second)
    assert (first.state, first.detail, first.problem) == (State.STOPPED, "3 frames are kept.", None)
    assert second.state is State.DONE
    assert third.results == []
    queue.close()


def test_a_deaf_engine_is_killed_and_the_next_job_gets_another(tmp_path: Path) -> None:
    commands = [engine(DEAF), engine(OBEDIENT)]
    queue = queue_of(lambda: commands.pop(0), stop=0.2)
    first, second = queue.add(job(tmp_path)), queue.add(job(tmp_path))
    pump_until(queue, lambda: first.state is State.RUNNING)
    queue.cancel(first)
    finish(queue, first, second)
    assert (first.state, second.state) == (State.STOPPED, State.DONE)
    queue.close()


def test_an_engine_that_does_not_get_ready_can_be_cancelled(tmp_path: Path) -> None:
    queue = queue_of(engine("signal.pause()"))
    ticket = queue.add(job(tmp_path))
    pump_until(queue, lambda: ticket.stage == "start engine")
    queue.cancel(ticket)
    finish(queue, ticket)
    assert ticket.state is State.STOPPED
    queue.close()


def test_an_engine_that_died_while_nobody_used_it_is_started_again(tmp_path: Path) -> None:
    queue = queue_of(engine(OBEDIENT.replace("while True", "for _ in range(2)")))
    tickets = [queue.add(job(tmp_path)) for _ in range(5)]
    finish(queue, *tickets)
    assert {ticket.state for ticket in tickets} == {State.DONE}
    assert len({ticket.results[0]["pid"] for ticket in tickets}) == 3
    queue.close()


def test_another_command_is_another_engine(tmp_path: Path) -> None:
    commands = [engine(OBEDIENT), engine(OBEDIENT + "# another")]
    queue = queue_of(lambda: commands.pop(0))
    first, second = queue.add(job(tmp_path)), queue.add(job(tmp_path))
    finish(queue, first, second)
    assert first.results[0]["pid"] != second.results[0]["pid"]
    queue.close()


def test_no_engine_is_the_problem_of_the_job(tmp_path: Path) -> None:
    nothing = Problem("No engine yet.", "Install one.", ("preferences",))
    answers = [nothing, engine(OBEDIENT)]
    queue = queue_of(lambda: answers.pop(0))
    first, second = queue.add(job(tmp_path)), queue.add(job(tmp_path))
    finish(queue, first, second)
    assert (first.state, first.problem) == (State.FAILED, nothing)
    assert second.state is State.DONE
    queue.close()


def test_closing_stops_everything_and_forgets_no_process(tmp_path: Path) -> None:
    queue = queue_of(engine(DEAF), leave=0.2)
    running, waiting = queue.add(job(tmp_path)), queue.add(job(tmp_path))
    pump_until(queue, lambda: running.stage == "start engine")
    queue.close()
    assert (running.state, waiting.state) == (State.STOPPED, State.STOPPED)
    assert set(queue.pump()) == {running, waiting}
    with pytest.raises(ValueError, match="closed"):
        queue.add(job(tmp_path))


def test_a_running_job_is_not_forgotten(tmp_path: Path) -> None:
    queue = queue_of(engine(DEAF))
    running, waiting = queue.add(job(tmp_path, name="dominoes")), queue.add(job(tmp_path))
    queue.pump()
    with pytest.raises(ValueError, match="'dominoes' is still running"):
        queue.forget(running)
    queue.forget(waiting)
    assert queue.tickets == (running,)
    queue.close()


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    queue = queue_of(EngineCommand((str(tmp_path / "nothing-here"),)))
    ticket = queue.add(job(tmp_path))
    finish(queue, ticket)
    assert ticket.state is State.FAILED and ticket.problem is not None
    assert "nothing-here" in ticket.problem.message
    assert ticket.problem.actions[0] == "preferences"
    queue.close()
