"""Work that other processes do for Blender: the engine, child Blenders, their queue. Standard library only, no bpy.

`JobQueue` runs one `Job` after the other on threads, and never makes its caller wait. A child Blender answers with
`child_side.serve`.
"""

from __future__ import annotations

from .job_queue import JobQueue
from .types import BlenderCommand, EngineCommand, Job, Patience, Problem, State, Step, Ticket

__all__ = [
    "BlenderCommand",
    "EngineCommand",
    "Job",
    "JobQueue",
    "Patience",
    "Problem",
    "State",
    "Step",
    "Ticket",
]
