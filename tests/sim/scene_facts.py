"""Run by `test_scenes` in a child process with bpy: opens .blend files, steps them, prints what they are as JSON."""

import json
import sys

import bpy


def facts(path: str) -> dict:
    """Settings of the scene in `path`, and the track of every active body: {name: [[x, y, z, up], ...]}."""
    bpy.ops.wm.open_mainfile(filepath=path, use_scripts=False)
    scene = bpy.context.scene
    cache = scene.rigidbody_world.point_cache
    active = [thing for thing in scene.objects if thing.rigid_body and thing.rigid_body.type == "ACTIVE"]
    meshes = [thing for thing in scene.objects if thing.type == "MESH"]
    tracks: dict[str, list[list[float]]] = {thing.name: [] for thing in active}
    for frame in range(scene.frame_start, scene.frame_end + 1) if active else ():
        scene.frame_set(frame)
        for thing in active:
            world = thing.matrix_world
            tracks[thing.name].append([*world.translation, world[2][2]])
    return {
        "saved_by": list(bpy.data.version),
        "frames": [scene.frame_start, scene.frame_end],
        "cache": [cache.frame_start, cache.frame_end],
        "baked": cache.is_baked,
        "fps": scene.render.fps / scene.render.fps_base,
        "size": [scene.render.resolution_x, scene.render.resolution_y],
        "denoising": scene.cycles.use_denoising,
        "seed": scene.cycles.seed,
        "camera": bool(scene.camera),
        "suns": sum(light.type == "SUN" for light in bpy.data.lights),
        "texts": len(bpy.data.texts),
        "drivers": sum(len(t.animation_data.drivers) for t in scene.objects if t.animation_data),
        "unpacked": [image.name for image in bpy.data.images if image.source == "FILE" and not image.packed_file],
        "without_uv": [thing.name for thing in meshes if not thing.data.uv_layers],
        "scaled": [thing.name for thing in meshes if tuple(thing.scale) != (1.0, 1.0, 1.0)],
        "tracks": tracks,
    }


if __name__ == "__main__":
    # one line of its own, because Blender writes to stdout as well
    print("\nFACTS " + json.dumps({path: facts(path) for path in sys.argv[sys.argv.index("--") + 1 :]}), flush=True)
