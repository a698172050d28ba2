"""Operators that make videos of the scene, and look after the jobs that do."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.app.translations import pgettext_tip as tip

from .. import controller
from ..arrows import shown_arrows
from ..control import fixes
from ..control.options import follows_arrows
from ..errors import SceneError
from ..jobs import Problem, State, Ticket
from ..scene_settings import BESIDE_THE_BLEND
from .common import see_to_the_end, why_no_motion
from .words import reports_errors

NEWEST = -1


class SIMCRAFT_OT_generate(bpy.types.Operator):
    """Make a video of this scene."""

    bl_idname = "simcraft.generate"
    bl_label = "Generate"
    bl_description = (
        "Make a video that moves exactly like this scene, or, from its first frame on, along your motion arrows, where "
        "Motion says so. The scene is simulated first, if it has changed since the last time"
    )

    seed: bpy.props.IntProperty(
        name="Seed", description="The first video's; -1 for the scene's", default=-1, min=-1, max=2**31 - 1
    )
    variations: bpy.props.IntProperty(
        name="Variations", description="How many videos, with seeds that follow each other; 0 for the scene's number",
        min=0, max=64,
    )  # fmt: skip
    output: bpy.props.StringProperty(
        name="Output",
        description="The video to write; empty for the scene's",
        subtype="FILE_PATH",
        options=BESIDE_THE_BLEND,
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        if reason := why_not(context.scene):
            cls.poll_message_set(reason)
        return not reason

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        tickets = controller.generate(
            context.scene,
            seed=None if self.seed < 0 else self.seed,
            variations=self.variations or None,
            output=self.output,
        )
        return see_to_the_end(self, tickets)


class SIMCRAFT_OT_cancel_job(bpy.types.Operator):
    """Stop the job. Frames that are finished are kept, and it can be resumed. One that waits is removed"""

    bl_idname = "simcraft.cancel_job"
    bl_label = "Cancel"

    job: bpy.props.IntProperty(name="Job", description="Its number; -1 for the one that runs", default=NEWEST, min=-1)

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _poll_jobs(cls, "No job waits or runs", State.WAITING, State.RUNNING, State.STOPPING)

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        session = controller.session()
        ticket = session.running if self.job == NEWEST else _job(self.job)
        if ticket is None:
            raise SceneError("No job runs.")
        session.cancel(ticket)
        return {"FINISHED"}


class SIMCRAFT_OT_resume_job(bpy.types.Operator):
    """Go on with a job that was stopped or has failed, after its last finished step and frame"""

    bl_idname = "simcraft.resume_job"
    bl_label = "Resume"

    job: bpy.props.IntProperty(
        name="Job", description="Its number; -1 for the one that stopped last", default=NEWEST, min=-1
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _poll_jobs(cls, "No job was stopped", State.STOPPED, State.FAILED)

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        controller.need_engine()
        ticket = controller.session().resume(_job(self.job, State.STOPPED, State.FAILED))
        return see_to_the_end(self, [ticket])


class SIMCRAFT_OT_remove_job(bpy.types.Operator):
    """Take the job out of the list, and remove what it has finished. Videos that are done stay"""

    bl_idname = "simcraft.remove_job"
    bl_label = "Remove Job"

    job: bpy.props.IntProperty(
        name="Job", description="Its number; -1 for the one that stopped last", default=NEWEST, min=-1
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        return _poll_jobs(cls, "There is no job that does not run", State.WAITING, State.STOPPED, State.FAILED)

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        session, ticket = controller.session(), _job(self.job, State.STOPPED, State.FAILED, State.WAITING)
        if not ticket.state.ended and ticket.state is not State.WAITING:
            raise SceneError(f"'{ticket.job.name}' is still running.", "Cancel it first.")
        session.remove(ticket)
        return {"FINISHED"}


class SIMCRAFT_OT_ask_engine(bpy.types.Operator):
    """Start the engine, and ask it what it has"""

    bl_idname = "simcraft.ask_engine"
    bl_label = "Ask Engine"

    @classmethod
    def poll(cls, context: Any) -> bool:
        if isinstance(command := controller.engine_command(), Problem):
            cls.poll_message_set(command.message)
            return False
        return True

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        controller.need_engine()
        session = controller.session()
        session.problem = None
        session.describe()
        if bpy.app.background:
            controller.know_engine()
            self.report({"INFO"}, str(session.knowledge.answer.get("best", "")))
        return {"FINISHED"}


class SIMCRAFT_OT_fix_problem(bpy.types.Operator):
    """Do something about what went wrong"""

    bl_idname = "simcraft.fix_problem"
    bl_label = "Fix"

    job: bpy.props.IntProperty(
        name="Job", description="Its number; -1 for the one that failed last", default=NEWEST, min=-1
    )
    action: bpy.props.EnumProperty(name="Action", description="What to do", items=fixes.ACTIONS, default="retry")

    @classmethod
    def description(cls, context: Any, properties: Any) -> str:
        return tip(next(text for name, _, text, _ in fixes.ACTIONS if name == properties.action))

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        if self.action == "preferences":
            return show_preferences()
        session, ticket = controller.session(), _job(self.job, State.FAILED, State.STOPPED)
        if self.action == "open log":
            return _open_log(ticket)
        controller.need_engine()
        if self.action == "retry":
            return see_to_the_end(self, [session.resume(ticket)])
        if self.action == "offload":
            again = fixes.offload(session, ticket)
            bpy.ops.ed.undo_push(message="Offload")
            return see_to_the_end(self, [again])
        return self._begin_anew(ticket)

    def _begin_anew(self, ticket: Ticket) -> set[str]:
        """Make the scene smaller or shorter, and the job again from its start."""
        session = controller.session()
        scene, videos = fixes.scene_of(session, ticket), fixes.videos_of(session, ticket)
        if scene is None:
            raise SceneError("The scene of this job is not open any more.", "Open it, and generate again.")
        if self.action == "smaller":
            said = tip("The video is {} x {} pixels now").format(*fixes.halve_size(scene))
        else:
            said = tip("The scene ends with frame {} now").format(fixes.halve_frames(scene))
        # only here does the scene change: to open a log is nothing to undo
        bpy.ops.ed.undo_push(message=said)
        session.remove(ticket)
        self.report({"INFO"}, said)
        if not videos:
            return see_to_the_end(self, [controller.simulate(scene)])
        name = videos[0].out if len(videos) == 1 else videos[0].wanted
        seed = videos[0].options.get("seed")
        return see_to_the_end(self, controller.generate(scene, seed=seed, variations=len(videos), output=str(name)))


def show_preferences() -> set[str]:
    """Open the add-on's preferences."""
    if bpy.app.background:
        raise SceneError("There is no window that could show the preferences.")
    bpy.ops.preferences.addon_show(module=__package__.rpartition(".")[0])
    return {"FINISHED"}


def why_not(scene: Any) -> str:
    """Why no video of the scene can be made now; empty where it can. Cheap."""
    if reason := why_no_motion(scene):
        return reason
    if not bpy.app.background and not controller.knowledge().knows(scene.simcraft.generator):
        problem = controller.session().problem
        return problem.message if problem else tip("The engine is starting")
    return why_no_arrows(scene)


def why_no_arrows(scene: Any) -> str:
    """Why there is nothing for the generator to follow, where it should follow motion arrows; else empty. Cheap."""
    if not follows_arrows(scene.simcraft, controller.knowledge()) or shown_arrows(scene):
        return ""
    return tip("There are no motion arrows yet: add one in 'Motion Arrows', in the panel 'Motion'")


def _poll_jobs(cls: Any, message: str, *states: State) -> bool:
    if any(ticket.state in states for ticket in controller.session().tickets):
        return True
    cls.poll_message_set(message)
    return False


def _job(number: int, *states: State) -> Ticket:
    """The job with this number, or the newest in one of these states. Raises `SceneError` where there is none."""
    session = controller.session()
    if number == NEWEST:
        ticket = next((ticket for ticket in reversed(session.tickets) if ticket.state in states), None)
    else:
        ticket = session.ticket(number)
    if ticket is None:
        raise SceneError("This job is not in the list any more.")
    return ticket


def _open_log(ticket: Ticket) -> set[str]:
    """Show the log with the program that the system has for texts."""
    log = ticket.problem.log if ticket.problem and ticket.problem.log else ticket.job.log
    if not log.is_file():
        raise SceneError("Nothing was logged.")
    if bpy.app.background:
        print(log)
        return {"FINISHED"}
    bpy.ops.wm.path_open(filepath=str(log))
    return {"FINISHED"}


CLASSES = (
    SIMCRAFT_OT_generate,
    SIMCRAFT_OT_cancel_job,
    SIMCRAFT_OT_resume_job,
    SIMCRAFT_OT_remove_job,
    SIMCRAFT_OT_ask_engine,
    SIMCRAFT_OT_fix_problem,
)
