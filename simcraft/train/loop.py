"""The training loop of every stage: steps, a running average, checkpoints, a page to look at, and a quick way out."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from simcraft.cores import core_count
from simcraft.errors import Cancelled, Failure, UserError
from simcraft.progress import Progress, silent
from simcraft.train.ahead import Ahead
from simcraft.train.average import Average
from simcraft.train.checkpoint import begin_run, checkpoints, load_checkpoint, save_checkpoint
from simcraft.train.report import Log
from simcraft.train.stage import Batch, Settings, Stage, example_numbers, learning_rate, step_generator


@dataclass(frozen=True)
class Budget:
    """When a training ends; at the first of both."""

    steps: int | None = None
    """Of the whole run, those done before included."""
    minutes: float | None = None
    """Of this call."""
    checkpoint_minutes: float = 5.0
    """Between checkpoints."""
    evaluate_minutes: float = 15.0
    """Between evaluations; there is one at the end in any case."""


@dataclass
class _Run:
    """One process's part of a training."""

    stage: Stage
    settings: Settings
    accelerator: Any
    module: Any
    """The stage's, wrapped where several processes train it together."""
    optimizer: Any
    average: Average
    step: int
    ahead: Ahead
    sums: dict[str, float] = field(default_factory=dict)
    """Losses since they were last reported."""
    counted: int = 0


def train(
    stage: Stage,
    run: Path,
    settings: Settings,
    budget: Budget,
    *,
    out: Path | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Train a stage, or go on with it, and write the average of its weights into the model's folder `out`.

    A run that was stopped by Ctrl-C or SIGTERM, or killed, goes on by the same call: step N is the same whether or not
    it was ever broken off, on the same machine with the same number of threads and processes.

    Returns the figures of the last evaluation, `steps`, and `seconds_a_step`.

    Raises
    ------
    UserError: `run` holds another run; neither steps nor minutes are given.
    Cancelled: stopped; a checkpoint was written before.
    Failure: the loss is no number any more.
    DiskFull: there is no space for a checkpoint; the one before it is whole.
    """
    from accelerate import Accelerator

    if budget.steps is None and budget.minutes is None:
        raise UserError("Neither --steps nor --minutes is given.", "Say when the training should end.")
    accelerator = Accelerator(cpu=without_gpu(), mixed_precision="no")  # `_step` casts itself
    identity = {"stage": stage.name, **stage.identity(), **asdict(settings), "processes": accelerator.num_processes}
    done = begin_run(run, identity) if accelerator.is_main_process else 0
    accelerator.wait_for_everyone()
    state = _start(stage, run, settings, accelerator)
    log = Log(run, done, identity)
    started = time.monotonic()
    with _stopping() as stop:
        try:
            figures = _steps(state, run, budget, log, stop, progress)
        except Cancelled:
            # raised by `progress` or in an evaluation: between two steps
            stop.wished, figures = True, {}
        finally:
            state.ahead.close()
        _save(state, run)
    if stop.wished:
        raise Cancelled(f"Stopped after step {state.step}.", "The same command goes on from there.")
    if out is not None and accelerator.is_main_process:
        with state.average.applied(stage.module):
            stage.save(out)
    steps = state.step - done
    return {**figures, "steps": state.step, "seconds_a_step": round((time.monotonic() - started) / max(steps, 1), 3)}


def without_gpu() -> bool:
    """Is there none? accelerate lets processes on CPUs work together only where it is told so."""
    return not (torch.cuda.is_available() or torch.backends.mps.is_available())


def _start(stage: Stage, run: Path, settings: Settings, accelerator: Any) -> _Run:
    """Everything on its device, as the last checkpoint left it."""
    parameters = [p for p in stage.module.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, settings.learning_rate, weight_decay=settings.weight_decay)
    stage.module.to(accelerator.device)
    average = Average(stage.module, settings.average)
    found = checkpoints(run)
    if found:
        load_checkpoint(found[-1], stage.module, average, optimizer)
    module, prepared = accelerator.prepare(stage.module, optimizer)
    stage.module.train()
    done = int(found[-1].name) if found else 0
    # a CPU that trains has no core to spare
    threads = min(stage.threads, core_count()) if accelerator.device.type == "cuda" else 0
    ahead = Ahead(lambda step: _drawn(stage, settings, accelerator, step), threads)
    return _Run(stage, settings, accelerator, module, prepared, average, done, ahead)


def _drawn(stage: Stage, settings: Settings, accelerator: Any, step: int) -> Batch:
    """This process's batch of a step, counted from 0."""
    process = accelerator.process_index
    start = (step * accelerator.num_processes + process) * settings.batch
    numbers = example_numbers(settings.seed, start, settings.batch, stage.examples)
    return stage.batch(numbers, step_generator(settings.seed, step, process))


def _steps(state: _Run, run: Path, budget: Budget, log: Log, stop: _Stop, progress: Progress) -> dict[str, float]:
    """Steps until the budget is used up or `stop` is set; the figures of the last evaluation."""
    began, first = time.monotonic(), state.step
    saved = evaluated = reported = began
    figures: dict[str, float] = {}
    while True:
        ended = _agreed(state.accelerator, stop, _ended(state, budget, time.monotonic() - began))
        now = time.monotonic()
        main = state.accelerator.is_main_process
        if main and state.counted and (ended or now - reported > 5):
            means = {name: total / state.counted for name, total in state.sums.items()}
            log.losses(state.step, now - began, means)
            state.sums, state.counted, reported = {}, 0, now
            done = state.step - first
            left = _left(state, budget, now - began, done)
            progress(state.stage.name, done, done + left, f"loss {means['loss']:.4f}")
        if ended or now - evaluated > 60 * budget.evaluate_minutes:
            _save(state, run)
            if main and not stop.wished:
                with stop.safe():
                    figures = _evaluate(state, run, log)
            evaluated = time.monotonic()
        if ended:
            return figures
        if now - saved > 60 * budget.checkpoint_minutes:
            _save(state, run)
            saved = time.monotonic()
        _step(state)


def _step(state: _Run) -> None:
    settings, batch = state.settings, state.ahead.batch(state.step)
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(settings, state.step)
    device = state.accelerator.device
    with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bf16"):
        losses = state.module({name: value.to(device, non_blocking=True) for name, value in batch.items()})
    values = {name: float(value.detach()) for name, value in losses.items()}
    if not math.isfinite(values["loss"]):
        raise Failure(
            f"The loss of step {state.step + 1} is {values['loss']}.", "Begin another run with a lower --rate."
        )
    state.accelerator.backward(losses["loss"])
    state.accelerator.clip_grad_norm_(state.stage.module.parameters(), settings.largest_gradient)
    state.optimizer.step()
    state.optimizer.zero_grad(set_to_none=True)
    state.step += 1
    state.average.update(state.stage.module, state.step)
    for name, value in values.items():
        state.sums[name] = state.sums.get(name, 0.0) + value
    state.counted += 1


def _save(state: _Run, run: Path) -> None:
    """Write a checkpoint, unless that step has one."""
    done = checkpoints(run)
    if state.accelerator.is_main_process and not (done and int(done[-1].name) == state.step):
        save_checkpoint(run, state.step, state.stage.module, state.average, state.optimizer)


def _evaluate(state: _Run, run: Path, log: Log) -> dict[str, float]:
    """Figures and a sheet of the averaged weights."""
    module = state.stage.module
    module.eval()
    try:
        with state.average.applied(module), torch.no_grad():
            found = state.stage.evaluate(run / "sheets" / f"{state.step:08d}.png")
    finally:
        module.train()
    figures = {name: round(value, 4) for name, value in found.items()}
    log.figures(state.step, figures)
    return figures


def _ended(state: _Run, budget: Budget, seconds: float) -> bool:
    by_steps = budget.steps is not None and state.step >= budget.steps
    return by_steps or (budget.minutes is not None and seconds >= 60 * budget.minutes)


def _left(state: _Run, budget: Budget, seconds: float, done: int) -> int:
    """Steps that are still to come, estimated where the end is a time."""
    by_steps = budget.steps - state.step if budget.steps is not None else None
    if budget.minutes is None:
        return by_steps or 0
    by_time = math.ceil(max(60 * budget.minutes - seconds, 0) * max(done, 1) / max(seconds, 1e-3))
    return by_time if by_steps is None else min(by_steps, by_time)


def _agreed(accelerator: Any, stop: _Stop, ended: bool) -> bool:
    """Does any process end here? Clocks differ, and all must leave at the same step, or some would wait for ever."""
    if accelerator.num_processes > 1:
        wishes = torch.tensor([float(stop.wished), float(ended)], device=accelerator.device)
        stopped, over = (accelerator.reduce(wishes, "sum") > 0).tolist()
        stop.wished, ended = stopped, over
    return ended or stop.wished


class _Stop:
    """The wish to stop; it is heard between two steps, so that none is left half done."""

    def __init__(self) -> None:
        self.wished = False
        self.at_once = False
        """Is it safe to stop right here?"""

    def wish(self, *_: object) -> None:
        """What Ctrl-C and SIGTERM call; for the second time it ends the run at once, without a checkpoint."""
        if self.wished:
            raise KeyboardInterrupt
        self.wished = True
        if self.at_once:
            raise Cancelled("Stopped.")

    @contextmanager
    def safe(self) -> Iterator[None]:
        """Within the block nothing is changed that a checkpoint holds."""
        self.at_once = True
        try:
            yield
        finally:
            self.at_once = False


@contextmanager
def _stopping() -> Iterator[_Stop]:
    """Ctrl-C and SIGTERM become wishes; in threads other than the main one Python allows no such thing."""
    stop = _Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop.wish) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
