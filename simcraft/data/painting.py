"""Videos of many clips: one after another in this process, or on a Ray cluster by actors that load the model once each.

Either way a clip goes in as the bytes of its file and comes out as those of the video, so that the nodes of a cluster
need no shared file system.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from simcraft.clip.store import load_clip
from simcraft.data.pool import Problem, problem_of
from simcraft.data.ray_cluster import Unfit, connected, failed, node_name, node_unlike
from simcraft.errors import Failure
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
    address: str, generator: registry.Generator, options: Mapping[str, Any], jobs: Iterator[Job], most: int
) -> Results:
    """The jobs in any order, by one actor for each GPU of the cluster, or where it has none for each core.

    An actor that dies is started again, elsewhere where its node died, and its job tried once more.

    Parameters
    ----------
    address: of the cluster; see `ray_cluster.connected`.
    most: number of jobs; more actors are not started.

    Raises `UserError` or `Failure` where there is no such cluster, or one of its nodes cannot load the generator.
    """
    with connected(address) as ray:
        running = {actor.load.remote(): (actor, "") for actor in _actors(ray, generator, options, most)}
        while running:
            (done,), _ = ray.wait(list(running))
            actor, job_id = running.pop(done)
            result = _result(ray, done)
            if isinstance(result, Unfit):
                raise result.error()
            if job_id and result is not None:
                yield job_id, result
            elif result is not None:
                raise Failure(result.message, result.fix)
            job = next(jobs, None)
            if job is not None:
                running[actor.paint.remote(job.clip)] = (actor, job.id)
            else:
                # one whose node died may be waiting for its place
                ray.kill(actor)


def _actors(ray: ModuleType, generator: registry.Generator, options: Mapping[str, Any], most: int) -> list[Any]:
    there = ray.cluster_resources()
    gpus, cores = int(there.get("GPU", 0)), int(there.get("CPU", 0))
    needs = {"num_gpus": 1, "num_cpus": 0} if gpus else {"num_cpus": 1}
    actor = ray.remote(max_restarts=-1, max_task_retries=1, **needs)(Painter)
    return [actor.remote(generator, dict(options), __version__) for _ in range(min(most, gpus or max(1, cores)))]


def _result(ray: ModuleType, done: Any) -> Any:
    """What an actor has returned; a problem where it died twice."""
    try:
        return ray.get(done)
    except (ray.exceptions.RayActorError, ray.exceptions.ObjectLostError, ray.exceptions.OutOfMemoryError):
        return Problem("The process that made it died twice.", "Ray's own logs are in /tmp/ray on its nodes.")
    except ray.exceptions.RayError as error:
        raise failed(error) from None


class Painter:
    """An actor: a process of the cluster that holds a loaded generator."""

    def __init__(self, generator: registry.Generator, options: dict[str, Any], version: str) -> None:
        self._generator, self._options, self._version = generator, options, version
        self._generate: Callable[..., Video] | None = None

    def load(self) -> Unfit | None:
        """Load the generator; what keeps it from that where it cannot."""
        if (unlike := node_unlike({"simcraft": self._version}, {"simcraft": __version__})) is not None:
            return unlike
        try:
            self._generate = self._generator.load(self._options)
        except Exception as error:
            problem = problem_of(error)
            name = self._generator.name
            return Unfit(f"The node {node_name()} cannot load '{name}': {problem.message}", problem.fix)
        return None

    def paint(self, clip: bytes) -> Painted | Problem | Unfit:
        """One job."""
        # not yet where the process was started again
        if self._generate is None and (unfit := self.load()) is not None:
            return unfit
        assert self._generate is not None
        return paint(self._generate, clip)
