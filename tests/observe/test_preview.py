"""The preview against what is known: shadows by ray casting, textures by their corners, the buffer's outline."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion

from simcraft.errors import UserError
from simcraft.observe import observe
from simcraft.observe.appearance import srgb_to_linear
from simcraft.observe.preview import preview_frames
from simcraft.recording import (
    CameraTrack,
    ChangingBody,
    Instances,
    Lighting,
    Material,
    Mesh,
    Particles,
    Recording,
    RigidBody,
)
from tests.observe.scenes import box, icosphere, plane
from tests.scenes import SQUARE, SQUARE_FACES, camera_looking_along_y, sliding_square

SIZE = (64, 48)
DARK = Lighting(sun_color=(0, 0, 0), sky_color=(0, 0, 0))
SUN = np.array([0.5, 0.3, -0.8]) / np.linalg.norm([0.5, 0.3, -0.8])


def camera_from(eye: tuple[float, float, float], frames: int = 1, projection: str = "perspective") -> CameraTrack:
    """A camera at `eye` that looks at the origin, focal length as long as the image is wide."""
    forward = -np.array(eye) / np.linalg.norm(eye)
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], 1)
    pose[:3, 3] = eye
    focal = SIZE[0] if projection == "perspective" else SIZE[0] / 8
    lens = np.array([[focal, 0, SIZE[0] / 2], [0, focal, SIZE[1] / 2], [0, 0, 1.0]])
    return CameraTrack(projection, np.tile(lens, (frames, 1, 1)), np.tile(pose, (frames, 1, 1)))


PLAIN = Material("plain", (0.5, 0.5, 0.5), roughness=1.0)


def scene(*bodies, materials=(PLAIN,), camera=None, lighting=None):
    camera = camera or camera_from((0, -6, 5))
    lighting = lighting or Lighting(tuple(SUN), (2, 2, 2), (0.2, 0.2, 0.2))
    numbers = np.arange(1, len(camera.intrinsics) + 1, dtype=np.int32)
    return Recording("scene", 24.0, SIZE, camera, bodies, numbers, materials, lighting)


def body(name: str, shape, position=(0, 0, 0), material: int = 0, **mesh) -> RigidBody:
    vertices, faces = shape
    pose = np.eye(4)[None].copy()
    pose[0, :3, 3] = position
    return RigidBody(name, Mesh(faces, face_material=np.full(len(faces), material, np.int32), **mesh), vertices, pose)


def floor_points(recording: Recording, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) where the rays of the pixels' centres meet z = 0."""
    scale = size[0] / SIZE[0]
    y, x = np.indices((size[1], size[0])) + 0.5
    pose, k = recording.camera.camera_to_world[0], recording.camera.intrinsics[0]
    rays = np.stack([(x / scale - k[0, 2]) / k[0, 0], (y / scale - k[1, 2]) / k[1, 1], np.ones_like(x)], -1)
    rays = rays @ pose[:3, :3].T
    return pose[:3, 3] - rays * (pose[2, 3] / rays[..., 2:])


def hits_box(origin: np.ndarray, direction: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Slab test of rays from `origin` (..., 3)."""
    a, b = (low - origin) / direction, (high - origin) / direction
    enter, leave = np.minimum(a, b).max(-1), np.maximum(a, b).min(-1)
    return (leave > np.maximum(enter, 0)) & (leave > 1e-9)


@pytest.mark.parametrize("height", [0.5, 1.5], ids=["standing", "floating"])
def test_shadow_of_a_box_is_where_rays_to_the_sun_are_blocked(height: float):
    """A standing box tells acne and shadows that begin too late, a floating one their shape."""
    size = (192, 144)
    recording = scene(body("floor", plane(20.0)), body("box", box(1.0), (0, 0, height), material=1))
    recording = dataclasses.replace(recording, materials=(*recording.materials, Material("red", (1.0, 0.0, 0.0))))
    image = preview_frames(recording, size)[0]
    clip = observe(dataclasses.replace(recording, **two_frames(recording)), size)
    low, high = np.array([-0.5, -0.5, height - 0.5]), np.array([0.5, 0.5, height + 0.5])
    shaded = hits_box(floor_points(recording, size), -SUN, low, high)
    on_floor = binary_erosion(clip.instances[0] == 1, np.ones((3, 3)))
    lit_value, dark_value = np.median(image[on_floor & ~shaded]), np.median(image[on_floor & shaded])
    assert lit_value > dark_value + 60
    edge = binary_dilation(shaded, np.ones((3, 3))) & binary_dilation(~shaded, np.ones((3, 3)))
    assert (on_floor & shaded & ~edge).sum() > 150
    np.testing.assert_allclose(image[on_floor & shaded & ~edge].astype(int), dark_value, atol=3)
    np.testing.assert_allclose(image[on_floor & ~shaded & ~edge].astype(int), lit_value, atol=3)


def two_frames(recording: Recording) -> dict:
    """The fields that make a scene of one frame one of two equal frames."""
    camera = recording.camera
    twice = dataclasses.replace(
        camera,
        intrinsics=np.repeat(camera.intrinsics, 2, 0),
        camera_to_world=np.repeat(camera.camera_to_world, 2, 0),
        clip_start=np.repeat(camera.clip_start, 2),
        clip_end=np.repeat(camera.clip_end, 2),
    )
    bodies = tuple(dataclasses.replace(b, transforms=np.repeat(b.transforms, 2, 0)) for b in recording.bodies)
    return {"camera": twice, "bodies": bodies, "frame_numbers": np.arange(2, dtype=np.int32)}


def test_shadow_of_a_fine_mesh_has_no_holes():
    """Triangles far smaller than a pixel of the shadow map."""
    size = (192, 144)
    recording = scene(body("floor", plane(20.0)), body("ball", icosphere(5, 0.8), (0, 0, 1.2), smooth=True))
    image = preview_frames(recording, size)[0, ..., 0].astype(int)
    ground = floor_points(recording, size)
    to_centre = np.array([0, 0, 1.2]) - ground
    along = to_centre @ -SUN
    aside = np.linalg.norm(to_centre - along[..., None] * -SUN, axis=-1)
    # not where the ball itself is seen
    eye = recording.camera.camera_to_world[0, :3, 3]
    ray = (ground - eye) / np.linalg.norm(ground - eye, axis=-1, keepdims=True)
    to_ball = np.array([0, 0, 1.2]) - eye
    seen = np.linalg.norm(to_ball - (ray @ to_ball)[..., None] * ray, axis=-1) > 0.85
    dark, lit = image[seen & (aside < 0.75)], image[seen & (aside > 0.85)]
    assert len(dark) > 300
    assert np.ptp(dark) <= 6 and np.ptp(lit) <= 6 and lit.min() > dark.max() + 40


def test_lit_floor_has_lamberts_brightness():
    lighting = Lighting(tuple(SUN), (2, 2, 2), (0, 0, 0))
    image = preview_frames(scene(body("floor", plane(20.0)), lighting=lighting), SIZE)[0]
    expected = 0.5 * 2 / np.pi * -SUN[2]
    # a rough highlight adds a few per cent
    np.testing.assert_allclose(srgb_to_linear(image[30:, 10:50]), expected, rtol=0.08)


def test_side_away_from_the_sun_is_ambient_only():
    lighting = Lighting((0, 1, 0), (3, 3, 3), (0.2, 0.2, 0.2))
    away = scene(body("wall", (SQUARE, SQUARE_FACES)), camera=camera_looking_along_y(1, SIZE), lighting=lighting)
    towards = dataclasses.replace(away, lighting=dataclasses.replace(lighting, sun_direction=(0, -1, 0)))
    # the camera looks along +y as the light does: the side that it sees is lit
    bright, dark = (preview_frames(r, SIZE)[0, 24, 32].astype(int) for r in (away, towards))
    assert (bright > dark + 60).all()
    unlit = preview_frames(dataclasses.replace(away, lighting=dataclasses.replace(lighting, sun_color=(0, 0, 0))), SIZE)
    np.testing.assert_array_equal(dark, unlit[0, 24, 32])


def painted_square(texture: np.ndarray) -> Recording:
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)  # as SQUARE: x to the right, z upwards
    mesh = Mesh(SQUARE_FACES, uv=corners[SQUARE_FACES])
    wall = RigidBody("wall", mesh, SQUARE, np.eye(4)[None])
    glowing = Material("picture", (1, 1, 1), texture=texture, emission=1.0)
    return scene(wall, materials=(glowing,), camera=camera_looking_along_y(1, SIZE, 2.0), lighting=DARK)


def test_row_0_of_a_texture_is_on_top():
    texture = np.zeros((8, 8, 3), np.uint8)
    texture[:4, :4], texture[:4, 4:], texture[4:, :4], texture[4:, 4:] = [255, 0, 0], [0, 255, 0], [0, 0, 255], 255
    image = preview_frames(painted_square(texture), SIZE)[0]
    corners = image[6, 16], image[6, 48], image[42, 16], image[42, 48]
    np.testing.assert_array_equal(corners, [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]])


def test_texture_seen_one_to_one_keeps_its_pixels():
    texture = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    recording = painted_square(texture)
    recording = dataclasses.replace(recording, camera=camera_looking_along_y(1, SIZE, 2.0))
    image = preview_frames(recording, SIZE)[0]  # 64 px wide at 2 m: the square of 2 m fills the width
    exact = np.abs(image.astype(int) - texture[8:56]).max(-1) <= 1
    assert exact.mean() > 0.98  # pixels cut by the edge between the two triangles are the mean of four samples


def test_far_checkers_become_grey_instead_of_noise():
    texture = np.kron(np.indices((32, 32)).sum(0) % 2, np.ones((2, 2)))[..., None].repeat(3, 2)
    vertices, faces = plane(200.0)
    mesh = Mesh(faces, uv=(vertices[faces][..., :2] / 2).astype(np.float32))
    ground = RigidBody("floor", mesh, vertices, np.eye(4)[None])
    glowing = Material("checkers", texture=(texture * 255).astype(np.uint8), base_color=(1, 1, 1), emission=1.0)
    recording = scene(ground, materials=(glowing,), camera=camera_from((0, -60, 12)), lighting=DARK)
    image = srgb_to_linear(preview_frames(recording, SIZE)[0, 20:, :, 0])
    assert abs(image.mean() - 0.5) < 0.05 and image.std() < 0.08


def test_outline_is_that_of_the_visibility_buffer():
    white = (Material("light", (1, 1, 1), emission=1.0),)
    recording = dataclasses.replace(sliding_square(3, 0.3), materials=white, lighting=DARK)
    images = preview_frames(recording, (96, 72))
    instances = observe(recording, (96, 72)).instances
    for image, seen in zip(images[..., 0], instances > 0, strict=True):
        assert (image[binary_erosion(seen, np.ones((3, 3)))] == 255).all()
        assert (image[~binary_dilation(seen, np.ones((3, 3)))] == 0).all()


def test_same_pictures_on_every_run_and_for_every_choice_of_frames():
    recording = sliding_square(4)
    images = preview_frames(recording, SIZE)
    assert images.shape == (4, SIZE[1], SIZE[0], 3) and images.dtype == np.uint8
    np.testing.assert_array_equal(images, preview_frames(recording, SIZE))
    np.testing.assert_array_equal(images[[2, 0]], preview_frames(recording, SIZE, [2, 0]))


def test_plain_sky_and_a_scene_without_anything():
    image = preview_frames(scene(lighting=Lighting(sky_color=(1.0, 0.2140, 0.0))), SIZE)[0]
    np.testing.assert_array_equal(image, np.broadcast_to([255, 127, 0], image.shape))


def four_quarters() -> np.ndarray:
    """A sky whose quarters from left to right are red, green, blue and yellow, and whose lower half is dark."""
    sky = np.repeat(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]]], np.uint8), 64, 1)
    return np.concatenate([np.repeat(sky, 64, 0), np.zeros((64, 256, 3), np.uint8)])


def test_sky_image_is_laid_out_as_blenders():
    """From left to right an equirectangular sky shows -x, +y (at a quarter), +x (the middle), -y, -x."""
    lighting = Lighting(sun_color=(0, 0, 0), sky_image=four_quarters())
    looking_up_along_y = scene(camera=camera_from((0.0, -5.0, -5.0)), lighting=lighting)
    image = preview_frames(looking_up_along_y, SIZE)[0]
    np.testing.assert_array_equal(image[24, 4], [255, 0, 0])  # left of +y
    np.testing.assert_array_equal(image[24, 59], [0, 255, 0])


@pytest.mark.bpy
def test_sky_image_agrees_with_a_render(tmp_path: Path):
    from PIL import Image

    Image.fromarray(four_quarters()).save(tmp_path / "sky.png")
    code = f"""
import bpy
bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
scene.collection.objects.link(camera)
camera.rotation_euler = (2.35619449, 0, 0)  # up and along +y
camera.data.sensor_width = camera.data.lens = 36
scene.camera = camera
scene.world = bpy.data.worlds.new("world")
scene.world.use_nodes = True
nodes = scene.world.node_tree.nodes
texture = nodes.new("ShaderNodeTexEnvironment")
texture.image = bpy.data.images.load({str(tmp_path / "sky.png")!r})
scene.world.node_tree.links.new(texture.outputs["Color"], nodes["Background"].inputs["Color"])
scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 4, False
scene.view_settings.view_transform = "Standard"
scene.render.resolution_x, scene.render.resolution_y = {SIZE}
scene.render.filepath = {str(tmp_path / "render.png")!r}
bpy.ops.render.render(write_still=True)
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    rendered = np.asarray(Image.open(tmp_path / "render.png").convert("RGB")).astype(int)
    lighting = Lighting(sun_color=(0, 0, 0), sky_image=four_quarters())
    image = preview_frames(scene(camera=camera_from((0.0, -5.0, -5.0)), lighting=lighting), SIZE)[0].astype(int)
    assert np.median(np.abs(image - rendered)) <= 1
    assert np.mean(np.abs(image - rendered).max(-1) < 12) > 0.9


def test_particles_copies_changing_meshes_and_orthographic_cameras():
    vertices, faces = icosphere(2, 0.5)
    positions = np.array([[[-2.0, 0, 0.5]]], np.float32)
    ball = Particles("ball", positions, np.array([0.5], np.float32), material=0)
    copies = np.tile(np.eye(4), (1, 2, 1, 1))
    copies[0, :, 0, 3], copies[0, :, 2, 3] = [0.0, 1.5], 0.5
    balls = Instances("balls", Mesh(faces, smooth=True), vertices, copies)
    drop = ChangingBody(
        "drop",
        vertices + np.array([3, 0, 0.5], np.float32),
        np.array([0, len(vertices)]),
        faces,
        np.array([0, len(faces)]),
        material=0,
    )
    camera = camera_from((0, -6, 4), projection="orthographic")
    lighting = Lighting(tuple(SUN), (2, 2, 2), (0, 0, 0))
    image = preview_frames(scene(ball, balls, drop, camera=camera, lighting=lighting), SIZE)[0, ..., 0]
    # equal balls in equal light: the same picture at four places, 8 px a metre
    patches = [image[12:36, x - 5 : x + 5].astype(int) for x in (16, 32, 44, 56)]
    assert patches[0].max() > 120
    for patch in patches[1:]:
        assert np.mean(np.abs(patch - patches[0])) < 12
    assert (image[:6] == 0).all()


def test_frames_and_sizes_out_of_range():
    with pytest.raises(UserError, match="frames 0 to 3; 4"):
        preview_frames(sliding_square(4), SIZE, [4])
    with pytest.raises(UserError, match="20000 x 10"):
        preview_frames(sliding_square(4), (20000, 10))


def test_progress_is_told_after_each_frame():
    calls = []
    preview_frames(sliding_square(3), SIZE, progress=lambda *call: calls.append(call))
    assert calls == [("preview", n, 3) for n in range(4)]
