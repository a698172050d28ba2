# mypy: disable-error-code="valid-type, index, attr-defined"
"""Taichi kernels of smoke and flames in the preview: sunlight and skylight within, and what reaches the camera.

Smoke scatters the sun's light once on its way to the camera; light that is scattered more often gets deeper, which is
approximated by a sum of ever weaker and clearer copies of the same (Wrenninge, Kulla and Lundqvist, "Oz: The Great and
Volumetric", SIGGRAPH 2013 talks). Flames are black bodies.
"""

from simcraft.observe.kernels import Array, row, vec3
from simcraft.observe.marching import (
    OPAQUE,
    Affines,
    Firsts,
    Shapes,
    Values,
    Vectors,
    Vectors4,
    density_at,
    interpolate,
    interpolate_vectors,
    is_inside,
    neighbours,
    stretch,
    transformed,
)
from simcraft.observe.texturing import color, rgb
from simcraft.recording.format.flames import BRIGHTEST, COOLEST, FLAME_DENSITY, HOTTEST
from simcraft.taichi_runtime import ti

NODE = 2
"""Cells between two places at which light is known; it changes less from place to place than density does."""
CLEARER = 0.5
"""Optical depth of each copy of the scattered light relative to the one before, and its brightness likewise."""
COPIES = 4
SCATTERED = 0.6
"""Of a white surface's brightness: makes thick white smoke about 0.7 as bright as white paper in the same sun."""
HIGH, DEEP, DARK = 1e6, 1e-3, 60.0
"""Metres to beyond everything, transmittance at which nobody sees the rest, and optical depth at which all is dark."""
FINE = 0.5
"""Optical depth of the longest step."""


@ti.func
def flame_radiance(glow: ti.f32) -> color:
    """Linear RGB of a black body by Planck's law at 610, 550 and 465 nm, in Wien's approximation."""
    lengths = color(0.610, 0.550, 0.465)  # micrometres
    temperature = COOLEST + (HOTTEST - COOLEST) * ti.min(glow, 1.5)
    result = color(0, 0, 0)
    for c in ti.static(range(3)):
        shorter = ti.cast((0.610 / lengths[c]) ** 5, ti.f32)
        change = 14388.0 / (lengths[c] * temperature) - 14388.0 / ti.cast(0.610 * HOTTEST, ti.f32)
        result[c] = BRIGHTEST * shorter * ti.exp(-change)
    return result


# fmt: off
@ti.func
def optical_depth(
    origin: vec3, way: vec3,
    to_grid: ti.template(), shape: ti.template(), first: ti.template(), density: ti.template(), bricks: ti.template(),
) -> ti.f64:
    # fmt: on
    """Of all smoke on a ray of unit direction, in steps of two cells."""
    here, depth = ti.cast(0.0, ti.f64), ti.cast(0.0, ti.f64)
    while here < HIGH and depth < DARK:
        until, cell, most = stretch(origin, way, here, HIGH, to_grid, shape, first, bricks)
        if most > 0:
            steps = ti.max(ti.ceil((until - here) / (2 * cell)), 1.0)
            pace = (until - here) / steps
            for s in range(ti.cast(steps, ti.i32)):
                depth += pace * density_at(origin + (here + (s + 0.5) * pace) * way, to_grid, shape, first, density)
        here = until
    return depth


@ti.func
def in_surface_shadow(at: vec3, sun_map: ti.template(), sun_depth: ti.template()) -> ti.i32:
    """1 where a surface stands between a world point and the sun, by its depth in the sun's map."""
    u = vec3(sun_map[0, 3], sun_map[1, 3], sun_map[3, 3])
    for i in ti.static(range(3)):
        u += at[i] * vec3(sun_map[0, i], sun_map[1, i], sun_map[3, i])
    x, y = ti.cast(ti.floor(u[0]), ti.i32), ti.cast(ti.floor(u[1]), ti.i32)
    shadow = 0
    if x >= 0 and y >= 0 and x < sun_depth.shape[1] and y < sun_depth.shape[0]:
        shadow = ti.cast(sun_depth[y, x] < u[2], ti.i32)
    return shadow


@ti.func
def volume_of_node(m: ti.i32, first_node: ti.template()) -> ti.i32:
    """The volume that node m is in."""
    n = 0
    while n + 1 < first_node.shape[0] and m >= first_node[n + 1]:
        n += 1
    return n


@ti.func
def node_place(m: ti.i32, n: ti.i32, node_shape: ti.template(), first_node: ti.template()) -> vec3:
    """Where in its volume n the node m is, counted in nodes."""
    own = m - ti.cast(first_node[n], ti.i32)
    return vec3(
        own // (node_shape[n][1] * node_shape[n][2]), own // node_shape[n][2] % node_shape[n][1], own % node_shape[n][2]
    )


# fmt: off
@ti.kernel
def shade_nodes(
    to_world: Affines, node_shape: Shapes, first_node: Array,
    to_grid: Affines, shape: Shapes, first: Firsts, density: Values, bricks: Values,
    sun: Array, sun_map: Array, sun_depth: Array, shade: Vectors4,
):
    # fmt: on
    """Optical depth from each node to the sun, to the zenith and straight down, and 0 where a surface hides the sun,
    else 1.

    Nodes stand `NODE` cells apart, the first in the middle of the first `NODE` cells, z fastest, volume after volume.
    """
    to_sun, up = -vec3(sun[0], sun[1], sun[2]), vec3(0, 0, 1)
    for m in range(shade.shape[0]):
        n = volume_of_node(m, first_node)
        at = transformed(to_world[n], (node_place(m, n, node_shape, first_node) + 0.5) * NODE)
        way = to_sun
        for which in range(3):
            if which > 0:
                way = up if which == 1 else -up
            shade[m][which] = ti.cast(optical_depth(at, way, to_grid, shape, first, density, bricks), ti.f32)
        shade[m][3] = 1 - in_surface_shadow(at, sun_map, sun_depth)


# fmt: off
@ti.kernel
def burn_nodes(
    node_shape: Shapes, first_node: Array, shape: Shapes, first: Firsts, flame: Values, shade: Vectors4,
    emitted: Vectors,
):
    # fmt: on
    """Light that leaves the flames around each node, RGB: radiant intensity a cubic metre. What is deep inside a flame
    is taken to be hidden by what lies above or below it."""
    for m in range(emitted.shape[0]):
        n = volume_of_node(m, first_node)
        base, step, share = neighbours((node_place(m, n, node_shape, first_node) + 0.5) * NODE, shape, n)
        glow = interpolate(flame, first[n][0] + base, step, share)
        escaping = ti.exp(-ti.min(shade[m][1], shade[m][2]))
        emitted[m] = ti.cast(FLAME_DENSITY, ti.f32) * glow * escaping * flame_radiance(glow)


@ti.func
def firelight(at: vec3, normal: vec3, lamps: ti.template()) -> color:
    """Irradiance by `lamps` (K, 7): place, square of the radius, RGB intensity. A normal of length 0 stands for a place
    that is lit from everywhere alike."""
    total = color(0, 0, 0)
    for k in range(lamps.shape[0]):
        way = vec3(lamps[k, 0], lamps[k, 1], lamps[k, 2]) - at
        square = way.norm_sqr() + lamps[k, 3]
        facing = ti.max(normal.dot(way), 0.0) / ti.sqrt(square) if normal.norm_sqr() > 0 else 1.0
        total += ti.cast(facing / square, ti.f32) * ti.cast(vec3(lamps[k, 4], lamps[k, 5], lamps[k, 6]), ti.f32)
    return total


@ti.kernel
def warm_nodes(to_world: Affines, node_shape: Shapes, first_node: Array, lamps: Array, warm: Vectors):
    """Radiance (M, 3) of white smoke around each node in the light of flames."""
    for m in range(warm.shape[0]):
        n = volume_of_node(m, first_node)
        at = transformed(to_world[n], (node_place(m, n, node_shape, first_node) + 0.5) * NODE)
        warm[m] = firelight(at, vec3(0, 0, 0), lamps) / ti.cast(4 * ti.math.pi, ti.f32)


@ti.func
def arriving_light(shade: ti.template(), sun_color: ti.template(), above: color, below: color) -> color:
    """Light within smoke where `shade` is what `shade_nodes` says."""
    # the clearest copy first: each one before it has twice the optical depth, the square of the transmittance
    copy, sunlight = ti.exp(-shade[0] * ti.cast(CLEARER ** (COPIES - 1), ti.f32)), ti.cast(0.0, ti.f32)
    for n in ti.static(range(COPIES)):
        sunlight += ti.cast(SCATTERED * CLEARER ** (COPIES - 1 - n), ti.f32) * copy
        copy *= copy
    # light from all around seeps through: 2 / (2 + depth) of it gets through a layer that scatters all alike (Bohren,
    # "Multiple scattering of light and some of its observable consequences", American Journal of Physics 55, 1987)
    skylight = 2 / (2 + shade[1]) * above + 2 / (2 + shade[2]) * below
    return shade[3] * sunlight * rgb(sun_color, 0) + skylight


# fmt: off
@ti.func
def scattered_and_glowing(
    at: vec3, to_grid: ti.template(), shape: ti.template(), first: ti.template(), density: ti.template(),
    flame: ti.template(), node_shape: ti.template(), first_node: ti.template(), shade: ti.template(),
    warm: ti.template(), tint: ti.template(), sun_color: ti.template(), above: color, below: color,
):
    # fmt: on
    """Optical density at a world point, and the radiance that comes from there, a unit of optical depth, times it."""
    total, radiance = ti.cast(0.0, ti.f32), color(0, 0, 0)
    for n in range(shape.shape[0]):
        cell = transformed(to_grid[n], at)
        if is_inside(cell, shape, n):
            base, step, share = neighbours(cell, shape, n)
            thick = interpolate(density, first[n][0] + base, step, share)
            if thick > 0:
                glow = interpolate(flame, first[n][0] + base, step, share)
                burning = ti.min(ti.cast(FLAME_DENSITY, ti.f32) * glow, thick)
                node, node_step, node_share = neighbours(cell / NODE, node_shape, n)
                shaded = interpolate_vectors(shade, first_node[n] + node, node_step, node_share)
                arriving = arriving_light(shaded, sun_color, above, below)
                if warm.shape[0] > 0:
                    arriving += interpolate_vectors(warm, first_node[n] + node, node_step, node_share)
                total += thick
                radiance += (thick - burning) * tint[n] * arriving
                if burning > 0:
                    radiance += burning * flame_radiance(glow)
    return total, radiance


# fmt: off
@ti.func
def haze_along(
    origin: vec3, ray: vec3, near: ti.f64, end: ti.f64,
    to_grid: ti.template(), shape: ti.template(), first: ti.template(), density: ti.template(), bricks: ti.template(),
    flame: ti.template(), node_shape: ti.template(), first_node: ti.template(), shade: ti.template(),
    warm: ti.template(), tint: ti.template(), sun_color: ti.template(), above: color, below: color,
):
    # fmt: on
    """Radiance that the smoke on a ray sends to its origin, and transmittance, in steps of at most one cell."""
    here, clear, radiance = near, ti.cast(1.0, ti.f32), color(0, 0, 0)
    while here < end and clear > DEEP:
        until, cell, most = stretch(origin, ray, here, end, to_grid, shape, first, bricks)
        if most > 0:
            steps = ti.max(ti.ceil((until - here) * ti.max(1 / cell, most * ray.norm() / FINE)), 1.0)
            pace = (until - here) / steps
            metres = ti.cast(pace * ray.norm(), ti.f32)
            s = 0
            while s < steps and clear > DEEP:
                thick, glowing = scattered_and_glowing(
                    origin + (here + (s + 0.5) * pace) * ray, to_grid, shape, first, density,
                    flame, node_shape, first_node, shade, warm, tint, sun_color, above, below,
                )  # fmt: skip
                s += 1
                if thick > 0:
                    kept = ti.exp(-thick * metres)
                    radiance += clear * (1 - kept) / thick * glowing
                    clear *= kept
        here = until
    return radiance, clear


# fmt: off
@ti.kernel
def haze_over(
    rays: Array, near: ti.f64, far: ti.f64, surface: Array, samples: ti.template(), stride: ti.i32, sun: Array,
    to_grid: Affines, shape: Shapes, first: Firsts, density: Values, bricks: Values, flame: Values,
    node_shape: Shapes, first_node: Array, shade: Vectors4, warm: Vectors, tint: Vectors,
    sun_color: Array, sky: Array, haze: Array,
):
    # fmt: on
    """Fill `haze` (h, w, 5) for each of h x w samples, `samples` x `samples` to a pixel: radiance of the smoke before
    the surface at planar depth `surface` (h, w), its transmittance, and the share of the sun's light that gets through
    smoke to that surface.

    A pixel whose samples lie equally deep is marched once, through its middle. `sky` (2, 3) is the light from above
    and from below. Item n is row n * `stride`, see `smoke_kernels.see`.
    """
    height, width = haze.shape[0] // samples, haze.shape[1] // samples
    above, below, to_sun = rgb(sky, 0), rgb(sky, 1), -vec3(sun[0], sun[1], sun[2])
    for p in range(height * width):
        left, top = p % width * samples, p // width * stride % height * samples
        nearest, farthest = surface[top, left], surface[top, left]
        for j, i in ti.static(ti.ndrange(samples, samples)):
            nearest = ti.min(nearest, surface[top + j, left + i])
            farthest = ti.max(farthest, surface[top + j, left + i])
        together = ti.static(samples) if nearest == farthest or farthest - nearest < 0.02 * nearest else 1
        for n in range((samples // together) ** 2):
            x, y = left + n % samples, top + n // samples
            px, py = x + 0.5 * ti.cast(together, ti.f64), y + 0.5 * ti.cast(together, ti.f64)
            origin = row(rays, 0) + px * row(rays, 1) + py * row(rays, 2)
            ray = row(rays, 3) + px * row(rays, 4) + py * row(rays, 5)
            depth = surface[y, x]
            radiance, clear = haze_along(
                origin, ray, near, ti.min(depth, far), to_grid, shape, first, density, bricks,
                flame, node_shape, first_node, shade, warm, tint, sun_color, above, below,
            )  # fmt: skip
            sunny = ti.cast(1.0, ti.f64)
            if depth < far and clear > OPAQUE:
                sunny = ti.exp(
                    -optical_depth(origin + depth * ray, to_sun, to_grid, shape, first, density, bricks)
                )  # fmt: skip
            for k in range(together * together):
                for c in ti.static(range(3)):
                    haze[y + k // together, x + k % together, c] = radiance[c]
                haze[y + k // together, x + k % together, 3] = clear
                haze[y + k // together, x + k % together, 4] = ti.cast(sunny, ti.f32)
