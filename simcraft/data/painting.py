"""Videos of many clips: one after another in this process, or on a Ray cluster by actors that load the model once each.

Either way a clip goes in as the bytes of its file and comes out as those of the video, so that the nodes of a cluster
need no shared file system.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from simcraft.clip.store import load_clip
from simcraft.data.pool import Problem, problem_of
from simcraft.data.ray_cluster import Unfit, connected, failed, node_name, node_unlike
from simcraft.generate import registry
from simcraft.metrics import evaluate
from simcraft.progress import silent
from simcraft.version import __version__
from simcraft.video import Video, save_video


@dataclass(frozen=True)
class Job:
    """One video to make."""

    id: str
    """Of the row."""
    clip: bytes
    """The content of the clip's .npz file."""


@dataclass(frozen=True)
class Painted:
    """A video, and how well it moves."""

    video: bytes
    """The content of the .mp4 file."""
    report: dict[str, Any]
    """`metrics.report.Report.to_dict()`."""


Result = tuple[str, Painted | Problem]
"""The id of a job, and what became of it."""
Results = Generator[Result, None, None]


def paint(generate: Callable[..., Video], clip_data: bytes) -> Painted | Problem:
    """One video, evaluated against its clip; whatever is raised becomes the problem."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "clip.npz"
            path.write_bytes(clip_data)
            clip = load_clip(path)
            video = generate(clip, progress=silent)
            report = evaluate(video, clip)
            return Painted(save_video(video, Path(folder) / "video.mp4").read_bytes(), report.to_dict())
    except Exception as error:
        return problem_of(error)


def paint_here(generator: registry.Generator, options: Mapping[str, Any], jobs: Iterator[Job]) -> Results:
    """One job after another. Raises what the generator raises when it is loaded."""
    generate = generator.load(options)
    for job in jobs:
        yield job.id, paint(generate, job.clip)


def paint_on_cluster(
    address: str, generator: registry.Generator, options: Mapping[str, Any], jobs: Iterator[Job]
) -> Results:
    """The jobs in any order, by one actor for each GPU of the cluster, or where it has none for each core.

    Where an actor or its node dies another one is started, and the job tried once more.

    Parameters
    ----------
    address: of the cluster; see `ray_cluster.connected`.

    Raises `UserError` where there is no such cluster, or one of its nodes cannot load the generator.
    """
    with connected(address) as ray:
        count, needs = _places(ray)
        painter = ray.remote(**needs)(Painter)
        running: dict[Any, tuple[Any, Job]] = {}
        lost: set[str] = set()

        def new_actor() -> Any:
            return painter.remote(generator, dict(options), __version__)

        def give(actor: Any, job: Job) -> None:
            running[actor.paint.remote(job.clip)] = actor, job

        for job in islice(jobs, count):
            give(new_actor(), job)
        while running:
            (done,), _ = ray.wait(list(running))
            actor, job = running.pop(done)
            result = _result(ray, done)
            if result is None:
                actor = new_actor()
                if job.id not in lost:
                    lost.add(job.id)
                    give(actor, job)
                    continue
                result = Problem("The process that made it died, twice.")
            yield job.id, result
            if (following := next(jobs, None)) is not None:
                give(actor, following)
            else:
                # one that took a dead one's job may be waiting for a place
                ray.kill(actor)


def _places(ray: ModuleType) -> tuple[int, dict[str, int]]:
    """How many actors there is room for, and what each takes."""
    there = ray.cluster_resources()
    if gpus := int(there.get("GPU", 0)):
        return gpus, {"num_gpus": 1, "num_cpus": 0}
    return max(1, int(there.get("CPU", 0))), {"num_cpus": 1}


def _result(ray: ModuleType, done: Any) -> Painted | Problem | None:
    """What an actor has returned, None where it died. Raises `UserError` where it cannot load the generator."""
    errors = ray.exceptions
    try:
        result = ray.get(done)
    except (errors.RayActorError, errors.ObjectLostError, errors.OutOfMemoryError):
        return None
    except errors.RayError as error:
        raise failed(error) from None
    if isinstance(result, Unfit):
        raise result.error()
    return result


class Painter:
    """An actor: a process of the cluster that keeps a loaded generator from job to job."""

    def __init__(self, generator: registry.Generator, options: dict[str, Any], version: str) -> None:
        self._generator, self._options, self._version = generator, options, version
        self._generate: Callable[..., Video] | None = None

    def paint(self, clip_data: bytes) -> Painted | Problem | Unfit:
        """One job; the first one loads the generator."""
        if self._generate is None:
            if (unlike := node_unlike({"simcraft": self._version}, {"simcraft": __version__})) is not None:
                return unlike
            try:
                self._generate = self._generator.load(self._options)
            except Exception as error:
                problem = problem_of(error)
                name = self._generator.name
                return Unfit(f"The node {node_name()} cannot load '{name}': {problem.message}", problem.fix)
        return paint(self._generate, clip_data)
