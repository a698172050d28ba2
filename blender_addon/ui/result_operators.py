"""Operators that show a finished video, and copy it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
from bpy.app.translations import pgettext_tip as tip

from .. import controller
from ..camera import camera_frame
from ..control.changes import uncounted
from ..control.kept import Result
from ..errors import SceneError
from ..showing.camera_background import background_of, remove_background, set_background
from ..showing.footage import Footage, find_footage, load
from ..showing.image_editor import show_footage, show_picture
from ..showing.plane import plane_at_cursor, plane_in_view
from ..showing.saving import copy_video
from ..showing.sequencer import add_strip
from .background_properties import VIDEO
from .common import look_through_camera
from .words import reports_errors


class VideoOperator:
    """What the operators of one video share."""

    bl_options = {"REGISTER", "UNDO"}

    video: bpy.props.StringProperty(
        name="Video",
        description="A video of this scene; empty for the chosen one, or else the newest",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: Any) -> bool:
        if controller.result_of(context.scene) is None:
            cls.poll_message_set("There is no video yet: generate one first")  # type: ignore[attr-defined]
            return False
        return True

    def result(self, context: Any) -> Result:
        """The video that the operator is for. Raises `SceneError` where there is none."""
        if self.video:
            for video in videos_of(context.scene):
                if str(video.video) == self.video:
                    return video
            raise SceneError(f"{self.video} is no video of scene '{context.scene.name}'.", "Choose one of its list.")
        result = chosen_result(context)
        if result is None:
            raise SceneError("There is no video yet.", "Generate one first.")
        return result

    def footage(self, context: Any) -> Footage:
        """The same, as Blender plays it. Raises `SceneError`."""
        result = self.result(context)
        if context.scene.frame_step > 1:
            step = context.scene.frame_step
            self.report({"WARNING"}, tip("The scene's frame step is {}: video and frames part").format(step))  # type: ignore[attr-defined]
        return find_footage(result.video, result.frames[0])


def videos_of(scene: Any) -> Iterator[Result]:
    """The videos of a scene, the newest first."""
    newest = controller.result_of(scene)
    if newest is not None:
        yield newest
        yield from newest.earlier


def chosen_result(context: Any) -> Result | None:
    """The video that was chosen in the panel since the newest one came, or else the newest one."""
    newest = controller.result_of(context.scene)
    if newest is None:
        return None
    over, _, chosen = context.window_manager.simcraft_video.partition("\n")
    if over == str(newest.video):
        for result in newest.earlier:
            if str(result.video) == chosen:
                return result
    return newest


class SIMCRAFT_OT_choose_video(VideoOperator, bpy.types.Operator):
    """Let the buttons of the panel show this video"""

    bl_idname = "simcraft.choose_video"
    bl_label = "Choose Video"
    bl_options = {"INTERNAL"}

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        newest, result = controller.result_of(context.scene), self.result(context)
        context.window_manager.simcraft_video = f"{newest.video}\n{result.video}" if newest else ""
        return {"FINISHED"}


class SIMCRAFT_OT_open_video(VideoOperator, bpy.types.Operator):
    """Show the video in an Image Editor, playing with the timeline"""

    bl_idname = "simcraft.open_video"
    bl_label = "Open in Image Editor"
    bl_options = {"REGISTER"}

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        with uncounted():
            show_footage(context, self.footage(context))
        return {"FINISHED"}


class SIMCRAFT_OT_add_to_sequencer(VideoOperator, bpy.types.Operator):
    """Add the video to the sequencer."""

    bl_idname = "simcraft.add_to_sequencer"
    bl_label = "Add to Sequencer"
    bl_description = (
        "Add the video as a strip above all others, starting at the frame of the scene that it starts with. Note that "
        "Blender then renders the sequencer instead of the camera, unless that is switched off in the output properties"
    )

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        with uncounted():
            strip = add_strip(context.scene, self.footage(context))
        self.report({"INFO"}, tip("Strip {} in channel {}").format(strip.name, strip.channel))
        return {"FINISHED"}


class SIMCRAFT_OT_set_background(VideoOperator, bpy.types.Operator):
    """Show the video in the camera's view of 3D viewports, in step with the scene"""

    bl_idname = "simcraft.set_background"
    bl_label = "Set as Camera Background"

    depth: bpy.props.EnumProperty(
        name="Depth",
        description="Where it lies",
        items=(("BACK", "Behind", "Behind the scene", 1), ("FRONT", "In Front", "Over the scene", 2)),
    )
    alpha: bpy.props.FloatProperty(
        name="Opacity", description="How opaque it is", subtype="FACTOR", default=1.0, min=0.0, max=1.0
    )

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        front = self.depth == "FRONT"
        with uncounted():
            set_background(context.scene, self.footage(context), VIDEO, alpha=self.alpha, front=front)
        look_through_camera(context)
        return {"FINISHED"}


class SIMCRAFT_OT_clear_background(bpy.types.Operator):
    """Show no video in the camera's view any more"""

    bl_idname = "simcraft.clear_background"
    bl_label = "Clear Camera Background"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: Any) -> bool:
        if background_of(context.scene, VIDEO) is None:
            cls.poll_message_set("The camera shows no video")
            return False
        return True

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        with uncounted():
            remove_background(context.scene, VIDEO)
        return {"FINISHED"}


class SIMCRAFT_OT_add_video_plane(VideoOperator, bpy.types.Operator):
    """Add a plane that shows the video and needs no light. It is left out when the scene is recorded again"""

    bl_idname = "simcraft.add_video_plane"
    bl_label = "Add as Plane"

    where: bpy.props.EnumProperty(
        name="Where",
        description="Where the plane stands",
        items=(
            ("CAMERA", "Camera", "Before the camera, filling its picture and following it", 1),
            ("CURSOR", "3D Cursor", "Upright at the 3D cursor", 2),
        ),
    )
    distance: bpy.props.FloatProperty(
        name="Distance", description="From the camera", subtype="DISTANCE", default=1.0, min=0.001, soft_max=100.0
    )
    height: bpy.props.FloatProperty(
        name="Height", description="Of the plane", subtype="DISTANCE", default=2.0, min=0.001, soft_max=100.0
    )

    def draw(self, context: Any) -> None:
        self.layout.prop(self, "where")
        self.layout.prop(self, "distance" if self.where == "CAMERA" else "height")

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        scene, footage = context.scene, self.footage(context)
        with uncounted():
            loaded = load(footage)
            if self.where == "CURSOR":
                plane_at_cursor(scene, loaded, self.height)
            else:
                camera = camera_frame(scene, context.evaluated_depsgraph_get(), loaded.size)
                plane_in_view(scene, loaded, camera, max(self.distance, 1.01 * camera.clip[0]))
        return {"FINISHED"}


class SIMCRAFT_OT_save_video_as(VideoOperator, bpy.types.Operator):
    """Copy the video to another place, under another name"""

    bl_idname = "simcraft.save_video_as"
    bl_label = "Save Video As..."
    bl_options = {"REGISTER"}

    filepath: bpy.props.StringProperty(name="To", description="The file to write", subtype="FILE_PATH")
    check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: Any, _: Any) -> set[str]:
        result = chosen_result(context)
        if result is not None and not self.filepath:
            folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
            self.filepath = str(folder / result.video.name)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        if not self.filepath:
            raise SceneError("No name was given for the copy of the video.", "Give filepath=...")
        written = copy_video(self.result(context).video, Path(bpy.path.abspath(self.filepath)))
        self.report({"INFO"}, tip("Saved {}").format(written))
        return {"FINISHED"}


class SIMCRAFT_OT_open_video_folder(VideoOperator, bpy.types.Operator):
    """Open the folder of the video in the system's file browser"""

    bl_idname = "simcraft.open_video_folder"
    bl_label = "Open Folder"
    bl_options = {"REGISTER"}

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        bpy.ops.wm.path_open(filepath=str(self.result(context).video.parent))
        return {"FINISHED"}


class SIMCRAFT_OT_open_report(VideoOperator, bpy.types.Operator):
    """Show the whole report in an Image Editor: the error over time, and that of each object"""

    bl_idname = "simcraft.open_report"
    bl_label = "Open Report"
    bl_options = {"REGISTER"}

    @reports_errors
    def execute(self, context: Any) -> set[str]:
        picture = self.result(context).picture
        if picture is None:
            raise SceneError("This video has no report.", "Generate it again.")
        with uncounted():
            show_picture(context, picture)
        return {"FINISHED"}


CLASSES = (
    SIMCRAFT_OT_choose_video,
    SIMCRAFT_OT_open_video,
    SIMCRAFT_OT_add_to_sequencer,
    SIMCRAFT_OT_set_background,
    SIMCRAFT_OT_clear_background,
    SIMCRAFT_OT_add_video_plane,
    SIMCRAFT_OT_save_video_as,
    SIMCRAFT_OT_open_video_folder,
    SIMCRAFT_OT_open_report,
)


def register_more() -> None:
    """Remember which video was chosen in the panel: one for all windows, and not saved."""
    bpy.types.WindowManager.simcraft_video = bpy.props.StringProperty(options={"HIDDEN", "SKIP_SAVE"})


def unregister_more() -> None:
    """Undo `register_more`."""
    del bpy.types.WindowManager.simcraft_video
