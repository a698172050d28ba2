"""What a scene says of its video: the properties `Scene.simcraft`, which travel in the .blend.

    scene.simcraft.generator = "motioncraft"
    scene.simcraft.prompt = "wooden dominoes on a table"
    scene.simcraft.variations = 4

What belongs to the machine (where the engine is, where files go) is in the add-on's preferences instead.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import bpy

AUTO = "auto"
WITHOUT_ENGINE = (
    (AUTO, "Automatic", "The best generator that is installed: the engine knows which one scored best"),
    ("warp", "Warp", "The first frame, moved along the exact motion; what it reveals is filled in from around it"),
    (
        "motioncraft",
        "MotionCraft",
        "An image diffusion model: its picture is moved, and what the motion reveals is painted",
    ),
)
"""Generators that are known before the engine has answered: (name, title, summary)."""

BESIDE_THE_BLEND = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()
"""Options of a property whose path may begin with //, which newer Blenders want to be told."""

EnumItem = tuple[str, str, str, int]
generators: Callable[[], list[tuple[str, str, str]]] = list
"""More generators, as (name, title, summary); replaced by what knows them."""
models: Callable[[], list[tuple[str, str]]] = list
"""Models, as (name, remark); replaced by what knows them."""
# Blender does not keep the texts of items that a function returns
_items: dict[EnumItem, EnumItem] = {}


def _number(name: str) -> int:
    """The number of an enum item, which must not depend on its place in the list."""
    return zlib.crc32(name.encode()) & 0x7FFFFFFF


def _item(name: str, title: str, text: str) -> EnumItem:
    """An enum item, the same object each time that it is the same."""
    item = (name, title, text, _number(name))
    return _items.setdefault(item, item)


def _generator_items(settings: Any, _: Any) -> list[EnumItem]:
    known = {name: (title, text) for name, title, text in WITHOUT_ENGINE}
    for name, title, text in generators():
        known.setdefault(name, (title, text))
    # one that this machine does not have stays what the scene says
    known.setdefault(settings.generator_name, (settings.generator_name, "Not known to this engine"))
    return [_item(name, *texts) for name, texts in known.items()]


def _get_generator(settings: Any) -> int:
    return _number(settings.generator_name)


def _set_generator(settings: Any, number: int) -> None:
    settings.generator_name = next(i[0] for i in _generator_items(settings, None) if i[3] == number)


def _found_models(settings: Any, context: Any, text: str) -> list[tuple[str, str]]:
    return [(name, remark) for name, remark in models() if text.lower() in name.lower()]


class SIMCRAFT_PG_scene(bpy.types.PropertyGroup):
    """How the video of this scene is made"""

    generator_name: bpy.props.StringProperty(default=AUTO, options={"HIDDEN"})
    generator: bpy.props.EnumProperty(
        name="Generator",
        description="What paints the video along the motion of the scene",
        items=_generator_items,
        get=_get_generator,
        set=_set_generator,
    )
    motion_from: bpy.props.EnumProperty(
        name="Motion",
        description="What moves the things in the video, where the generator can be told by arrows",
        # a .blend keeps an item's number
        items=(
            ("SIMULATION", "From the Simulation", "Everything moves as the scene does", 0),
            (
                "ARROWS",
                "From My Arrows",
                "Things move along the motion arrows from where the first frame shows them, however the scene goes on. "
                "What has no arrow moves as the generator sees fit",
                1,
            ),
        ),
    )
    model: bpy.props.StringProperty(
        name="Model",
        description=(
            "The checkpoint that paints: a model's name, a folder in diffusers' layout or a .safetensors file. "
            "Empty for the one that comes with SimCraft"
        ),
        search=_found_models,
        search_options={"SUGGESTION"},
    )
    prompt: bpy.props.StringProperty(
        name="Prompt",
        description='What the video shows, in words. Empty for the scene\'s own caption, its custom property "caption"',
    )
    negative_prompt: bpy.props.StringProperty(name="Avoid", description="What the video must not look like, in words")
    mode: bpy.props.EnumProperty(
        name="Speed",
        description="How much time is spent on each frame",
        items=(
            ("fast", "Fast", "The usual way: good pictures in reasonable time"),
            ("turbo", "Turbo", "A quarter of the steps, for a first look"),
            ("reference", "As published", "The method as its paper has it, which takes nine times as long"),
        ),
    )
    use_strength: bpy.props.BoolProperty(
        name="Own Strength", description="Choose the strength here, instead of the one that suits the model"
    )
    strength: bpy.props.FloatProperty(
        name="Strength",
        description="How much is painted anew: at 0 the frames are only moved, at 1 little of the first one is left",
        default=0.4,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
    )
    use_steps: bpy.props.BoolProperty(
        name="Own Steps", description="Choose the number of steps here, instead of the one that suits the model"
    )
    steps: bpy.props.IntProperty(
        name="Steps",
        description="Denoising steps a frame: more give finer pictures and take longer",
        default=20,
        min=1,
        max=1000,
        soft_max=100,
    )
    use_guidance: bpy.props.BoolProperty(
        name="Own Guidance", description="Choose the guidance here, instead of the one that suits the model"
    )
    guidance: bpy.props.FloatProperty(
        name="Guidance",
        description="How closely to follow the prompt. At 1 it is followed loosely, and a third of the time is saved",
        default=7.5,
        min=1.0,
        max=100.0,
        soft_max=20.0,
    )
    seed: bpy.props.IntProperty(
        name="Seed",
        description="Where chance starts: the same seed makes the same video again, another one a variation",
        min=0,
        max=2**31 - 1,
    )
    variations: bpy.props.IntProperty(
        name="Variations",
        description="So many videos are made, with this seed and those that follow. The motion is simulated once",
        default=1,
        min=1,
        max=64,
    )
    size_from: bpy.props.EnumProperty(
        name="Size",
        description="How large the video is",
        items=(
            ("SCENE", "Scene", "The scene's resolution and percentage, in its output properties"),
            ("CUSTOM", "Custom", "The width and height below"),
        ),
    )
    width: bpy.props.IntProperty(
        name="Width", description="Width of the video", subtype="PIXEL", default=512, min=16, max=16384
    )
    height: bpy.props.IntProperty(
        name="Height", description="Height of the video", subtype="PIXEL", default=512, min=16, max=16384
    )
    preview_first_frame: bpy.props.BoolProperty(
        name="Quick First Frame",
        description=(
            "Draw the first frame in milliseconds, with base colours, textures, sun and shadow, "
            "instead of rendering it with the scene's render engine"
        ),
    )
    samples: bpy.props.IntProperty(
        name="Samples",
        description="Render samples a pixel of the first frame; 0 for the scene's own",
        min=0,
        max=65536,
        soft_max=1024,
    )
    device: bpy.props.EnumProperty(
        name="Device",
        description="Where the engine computes",
        items=(
            ("auto", "Automatic", "The GPU where there is one that works, else the processor"),
            ("cuda", "GPU", "A CUDA graphics card"),
            ("cpu", "Processor", "Slower, and works everywhere"),
        ),
    )
    offload: bpy.props.EnumProperty(
        name="Offload",
        description="Keep parts of the model off the GPU until they are used: slower, and needs less of its memory",
        items=(
            ("none", "Off", "Everything stays on the GPU: fastest"),
            ("model", "By Model", "One network at a time is on the GPU"),
            ("sequential", "By Layer", "One layer at a time is on the GPU: slowest, needs least"),
        ),
    )
    output: bpy.props.StringProperty(
        name="Output",
        description=(
            "The video to write: .mp4, .webm or .gif; // is the folder of the .blend. Empty for a name beside the "
            ".blend. Files that are there are kept: a new one gets a number"
        ),
        subtype="FILE_PATH",
        options=BESIDE_THE_BLEND,
    )


CLASSES = (SIMCRAFT_PG_scene,)


def register_more() -> None:
    """Give every scene its `simcraft`."""
    bpy.types.Scene.simcraft = bpy.props.PointerProperty(name="SimCraft", type=SIMCRAFT_PG_scene)


def unregister_more() -> None:
    """Undo `register_more`; settings in open scenes are kept."""
    if hasattr(bpy.types.Scene, "simcraft"):
        del bpy.types.Scene.simcraft
