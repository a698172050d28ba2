"""Normals of smooth meshes against round and flat shapes whose normals are known, and against a render."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from simcraft.observe.geometry import geometry_of, layout_of
from simcraft.observe.normals import corner_normals, corner_rows, normals_of, smooth_corners, smooth_meshes
from simcraft.observe.preview import preview_frames
from simcraft.recording import (
    CameraTrack,
    ChangingBody,
    DeformingBody,
    Instances,
    Lighting,
    Material,
    Mesh,
    Recording,
    RigidBody,
)
from tests.observe.scenes import icosphere
from tests.scenes import camera_looking_along_y

SIZE = (96, 72)


def cylinder(segments: int = 24, radius: float = 0.7) -> tuple[np.ndarray, np.ndarray]:
    """An upright one, 1 m high, with fans as caps; bottom ring, top ring, bottom centre, top centre."""
    angle = 2 * np.pi * np.arange(segments) / segments
    ring = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    rings = [np.insert(ring, 2, z, axis=1) for z in (-0.5, 0.5)]
    vertices = np.concatenate([*rings, [[0, 0, -0.5], [0, 0, 0.5]]]).astype(np.float32)
    a, b = np.arange(segments), (np.arange(segments) + 1) % segments
    c, d, bottom, top = a + segments, b + segments, np.full(segments, 2 * segments), np.full(segments, 2 * segments + 1)
    sides = [np.stack([a, b, d], 1), np.stack([a, d, c], 1)]
    caps = [np.stack([b, a, bottom], 1), np.stack([c, d, top], 1)]
    return vertices, np.concatenate(sides + caps).astype(np.int32)


def expected_normals(points: np.ndarray, segments: int = 24) -> np.ndarray:
    """(F, 3, 3) normals at the corners of the cylinder's faces: radial on the side, upright on the caps."""
    normals = points * np.array([1.0, 1.0, 0.0])
    normals[2 * segments :] = np.array([0.0, 0.0, 1.0])
    normals[2 * segments : 3 * segments] = np.array([0.0, 0.0, -1.0])
    return normals / np.linalg.norm(normals, axis=-1, keepdims=True)


def test_a_cylinder_has_a_round_side_and_flat_caps():
    vertices, faces = cylinder()
    corners = smooth_corners(vertices, faces)
    normals = corner_normals(vertices, faces, corners)
    np.testing.assert_allclose(normals[corners], expected_normals(vertices[faces]), atol=1e-6)
    # at each point of both rings one of the side and one of the cap, and the middles of the caps
    assert len(normals) == 4 * 24 + 2


def test_edges_of_more_than_thirty_degrees_are_sharp():
    """The sides of thirteen segments meet at 28 degrees, those of eleven at 33."""
    for segments, groups_at_a_point in ((13, 2), (11, 3)):
        vertices, faces = cylinder(segments)
        corners = smooth_corners(vertices, faces)
        assert corners.max() + 1 == 2 * segments * groups_at_a_point + 2


def test_a_ball_is_smooth_everywhere():
    vertices, faces = icosphere(3, 1.0)
    corners = smooth_corners(vertices, faces)
    normals = corner_normals(vertices, faces, corners)
    assert len(normals) == len(vertices)
    np.testing.assert_allclose(normals[corners], vertices[faces], atol=0.01)


def test_open_edges_faces_without_area_and_meshes_without_faces():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3], [0, 0, 2]], np.int32)
    corners = smooth_corners(vertices, faces)
    normals = corner_normals(vertices, faces, corners)[corners[:2]]
    np.testing.assert_array_equal(normals, np.broadcast_to([0, 0, 1], normals.shape))
    assert smooth_corners(vertices, faces[:0]).shape == (0, 3)


def test_bodies_of_all_kinds_have_the_same_normals():
    """A cylinder that is turned, stretched and mirrored, that deforms to the same shape, and that changes to it."""
    vertices, faces = cylinder()
    poses = np.tile(np.eye(4), (2, 2, 1, 1))
    turn = np.array([[1, 0, 0], [0, 0.6, -0.8], [0, 0.8, 0.6]])
    poses[1, :, :3, :3] = turn @ np.diag([2.0, 2.0, 0.5]), turn @ np.diag([-1.0, 1.0, 1.0])
    shapes = np.einsum("nij,vj->nvi", poses[1, :, :3, :3], vertices)
    mesh = Mesh(faces, smooth=True)
    bodies = (
        RigidBody("flat", Mesh(faces), vertices, poses[:, 0]),
        RigidBody("rigid", mesh, vertices, poses[:, 0]),
        Instances("copies", mesh, vertices, poses),
        DeformingBody("deforming", mesh, np.stack([vertices, shapes[0]]).astype(np.float32)),
    )
    recording = Recording("all", 24.0, SIZE, camera_looking_along_y(2, SIZE), bodies, np.arange(2, dtype=np.int32))
    layout, meshes = layout_of(recording), smooth_meshes(recording)
    geometry = geometry_of(recording, layout, 1)
    rows, normals = corner_rows(meshes, geometry), normals_of(recording, layout, meshes, geometry, 1)
    assert (rows[: len(faces)] == -1).all()
    smooth = rows[len(faces) :]
    owner = geometry.surface_owner[len(faces) :]
    world = np.einsum("fij,fcj->fci", normals.transforms[owner], normals.vectors[smooth])
    world /= np.linalg.norm(world, axis=-1, keepdims=True)
    expected = expected_normals(vertices[faces])
    # the inverse transpose, and a mirrored surface that faces the other way as its winding does
    stretched = expected @ (turn @ np.diag([0.5, 0.5, 2.0])).T
    stretched /= np.linalg.norm(stretched, axis=-1, keepdims=True)
    mirrored = -expected @ (turn @ np.diag([-1.0, 1.0, 1.0])).T
    for n, wanted in enumerate((stretched, stretched, mirrored, stretched)):
        np.testing.assert_allclose(world[n * len(faces) : (n + 1) * len(faces)], wanted, atol=1e-5)


def test_a_changing_body_is_smooth_throughout():
    vertices, faces = icosphere(2, 1.0)
    ends = np.array([0, len(vertices)]), np.array([0, len(faces)])
    drop = ChangingBody("drop", vertices, ends[0], faces, ends[1])
    recording = Recording("drop", 24.0, SIZE, camera_looking_along_y(1, SIZE), (drop,), np.zeros(1, np.int32))
    layout, meshes = layout_of(recording), smooth_meshes(recording)
    geometry = geometry_of(recording, layout, 0)
    normals = normals_of(recording, layout, meshes, geometry, 0)
    np.testing.assert_allclose(normals.vectors[corner_rows(meshes, geometry)], vertices[faces], atol=0.03)


RENDER = """
import bpy
import numpy as np
vertices, faces = np.load(VERTICES), np.load(FACES)
bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
mesh = bpy.data.meshes.new("cylinder")
mesh.from_pydata(vertices.tolist(), [], faces.tolist())
mesh.polygons.foreach_set("use_smooth", [True] * len(faces))
mesh.set_sharp_from_angle(angle=np.radians(30))
material = bpy.data.materials.new("diffuse")
material.use_nodes = True
tree = material.node_tree
diffuse = tree.nodes.new("ShaderNodeBsdfDiffuse")
diffuse.inputs["Color"].default_value = (0.8, 0.8, 0.8, 1)
tree.links.new(diffuse.outputs[0], tree.nodes["Material Output"].inputs["Surface"])
mesh.materials.append(material)
scene.collection.objects.link(bpy.data.objects.new("cylinder", mesh))
camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
camera.location, camera.rotation_euler = (0, -3, -2), (np.pi / 2 + np.arctan2(2, 3), 0, 0)
camera.data.sensor_width = camera.data.lens = 36
scene.collection.objects.link(camera)
scene.camera = camera
sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
sun.data.energy, sun.data.angle, sun.rotation_euler = 3.0, 0, (np.pi - 0.9, 0, 0.7)
scene.collection.objects.link(sun)
scene.world = bpy.data.worlds.new("world")
scene.world.color = (0, 0, 0)
scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 16, False
scene.cycles.max_bounces = 0
scene.view_settings.view_transform = "Standard"
scene.render.resolution_x, scene.render.resolution_y = SIZE
scene.render.filepath = PICTURE
bpy.ops.render.render(write_still=True)
"""


@pytest.mark.bpy
def test_a_smooth_cylinder_looks_like_its_render(tmp_path: Path):
    """Blender splits the same edges; shading agrees but at the outline and at the border of the lit side."""
    from PIL import Image

    vertices, faces = cylinder()
    np.save(tmp_path / "vertices.npy", vertices)
    np.save(tmp_path / "faces.npy", faces)
    names = {"VERTICES": "vertices.npy", "FACES": "faces.npy", "PICTURE": "render.png"}
    header = "".join(f"{name} = {str(tmp_path / file)!r}\n" for name, file in names.items()) + f"SIZE = {SIZE}\n"
    subprocess.run([sys.executable, "-c", header + RENDER], check=True, capture_output=True)
    rendered = np.asarray(Image.open(tmp_path / "render.png").convert("RGB")).astype(int)
    image = preview_frames(cylinder_like_the_render(vertices, faces), SIZE)[0].astype(int)
    difference = np.abs(image - rendered).max(-1)
    assert rendered.max() > 150
    assert np.median(difference[rendered[..., 0] > 30]) <= 3
    assert np.mean(difference < 12) > 0.93


def cylinder_like_the_render(vertices: np.ndarray, faces: np.ndarray) -> Recording:
    """From below, in light from below: none of it comes back from a ground."""
    forward = np.array([0, 3, 2]) / np.sqrt(13)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([[1, 0, 0], np.cross(forward, [1, 0, 0]), forward], 1)
    pose[:3, 3] = 0, -3, -2
    lens = np.array([[SIZE[0], 0, SIZE[0] / 2], [0, SIZE[0], SIZE[1] / 2], [0, 0, 1.0]])
    camera = CameraTrack("perspective", lens[None], pose[None])
    direction = (np.sin(0.9) * -np.sin(0.7), np.sin(0.9) * np.cos(0.7), np.cos(0.9))
    lighting = Lighting(direction, (3, 3, 3), (0, 0, 0))
    body = RigidBody("cylinder", Mesh(faces, smooth=True), vertices, np.eye(4)[None])
    materials = (Material("diffuse", roughness=1.0),)
    return Recording("cylinder", 24.0, SIZE, camera, (body,), np.zeros(1, np.int32), materials, lighting)
