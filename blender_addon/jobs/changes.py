"""Changes of a ticket: made where a job runs, applied where its queue is pumped."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .types import Problem, State, Ticket

Change = Callable[[Ticket], None]
"""Something to do with the ticket, on the queue's own thread; it cannot fail."""


def began(stage: str) -> Change:
    """Work of unknown length has begun."""
    return progressed({"stage": stage, "step": 0, "steps": 0})


def progressed(event: dict[str, Any]) -> Change:
    """From a "progress" event. Raises `KeyError`, `TypeError` or `ValueError` where it is none."""
    stage, detail = str(event["stage"]), str(event.get("detail", ""))
    step, steps, eta = int(event["step"]), int(event["steps"]), event.get("eta_seconds")
    eta_seconds = None if eta is None else float(eta)

    def change(ticket: Ticket) -> None:
        ticket.stage, ticket.step, ticket.steps = stage, step, steps
        ticket.eta_seconds, ticket.detail = eta_seconds, detail

    return change


def previewed(event: dict[str, Any], path: Path) -> Change:
    """From a "preview" event, whose picture is at `path`. Raises as `progressed`."""
    frame, frames = int(event["frame"]), int(event["frames"])

    def change(ticket: Ticket) -> None:
        ticket.newest_frame, ticket.frame, ticket.frames = path, frame, frames

    return change


def finished(result: dict[str, Any]) -> Change:
    """A step has this result."""
    warnings = [str(warning) for warning in result.get("warnings") or ()]

    def change(ticket: Ticket) -> None:
        ticket.results.append(result)
        ticket.warnings.extend(warnings)

    return change


def ended(state: State, problem: Problem | None = None, detail: str = "") -> Change:
    """The job has ended so."""

    def change(ticket: Ticket) -> None:
        ticket.state, ticket.problem, ticket.eta_seconds, ticket.detail = state, problem, None, detail

    return change
