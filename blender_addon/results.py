"""What SimCraft has put into a scene to show results: it carries a mark, and is never recorded as a body."""

from __future__ import annotations

from typing import Any

MARK = "simcraft_result"
"""The custom property of every collection, object and data-block that was made to show results."""
REPLACED = "simcraft_replaced"
"""The custom property of objects that were rendered, and are not while results stand in for them."""
COLLECTION = "SimCraft results"
VIDEOS = "SimCraft videos"
"""The collection of videos that stand in the scene; it stays when other results are replaced."""


def results(scene: Any) -> set[str]:
    """Full names of the objects in `scene` that show results."""
    return {obj.name_full for obj in scene.objects if MARK in obj}


def marked(block: Any) -> Any:
    """`block`, with the mark."""
    block[MARK] = True
    return block


def results_collections(scene: Any) -> list[Any]:
    """The collections of `scene` that hold results: one or none, unless somebody has copied it."""
    return [c for c in scene.collection.children if MARK in c]


def never_recorded(scene: Any) -> list[Any]:
    """The collections of `scene` that no recording and no picture of one may show."""
    return [c for c in scene.collection.children if MARK in c or VIDEOS in c]


def results_collection(scene: Any) -> Any:
    """The scene's collection of results; a new one where there is none."""
    import bpy

    found = next(iter(results_collections(scene)), None)
    if found is None:
        found = marked(bpy.data.collections.new(COLLECTION))
        scene.collection.children.link(found)
    return found


def videos_collection(scene: Any) -> Any:
    """The scene's collection of videos; a new one where there is none."""
    import bpy

    found = next((c for c in scene.collection.children if VIDEOS in c), None)
    if found is None:
        found = bpy.data.collections.new(VIDEOS)
        found[VIDEOS] = True
        scene.collection.children.link(found)
    return found


def new_object(name: str, data: Any, collection: Any) -> Any:
    """An object of the results."""
    import bpy

    obj = marked(bpy.data.objects.new(name, data))
    collection.objects.link(obj)
    return obj


def replace_objects(scene: Any, names: set[str]) -> None:
    """Do not show the objects of these full names any more: results stand in for them."""
    for obj in scene.objects:
        if obj.name_full in names and not obj.hide_render and obj.library is None:
            obj.hide_render, obj[REPLACED] = True, True


def replaced(scene: Any) -> list[Any]:
    """The scene's own objects that results stand in for."""
    return [obj for obj in scene.objects if REPLACED in obj]


def remove_results(scene: Any) -> None:
    """Take all results out of `scene`, and with them the data that nothing else uses; show again what they replaced."""
    import bpy

    for obj in replaced(scene):
        obj.hide_render = False
        del obj[REPLACED]
    for collection in results_collections(scene):
        objects = list(collection.objects)
        actions = [o.animation_data.action for o in objects if o.animation_data and o.animation_data.action]
        bpy.data.batch_remove([*objects, *dict.fromkeys(actions), collection])
    # what was used by what has gone: meshes, then materials, then images
    for blocks in (bpy.data.meshes, bpy.data.materials, bpy.data.images):
        unused = [block for block in blocks if MARK in block and not block.users]
        if unused:
            bpy.data.batch_remove(unused)
