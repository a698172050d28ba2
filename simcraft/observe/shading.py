# mypy: disable-error-code="valid-type, index, attr-defined"
"""Taichi kernels of the preview: texture, sun with exact shadow edges, sky, and sRGB.

No bounds are checked here; `Skin` and `Materials` have been clipped to what exists.
"""

from simcraft.observe.kernels import EMPTY, edge_functions, ray_sphere, row, vec3
from simcraft.observe.shadows import in_shadow, in_the_open
from simcraft.observe.texturing import ambient_radiance, color, painted, rgb, sky_radiance
from simcraft.taichi_runtime import ti

Array = ti.types.ndarray()
SPECULAR = 0.04
"""Reflectance of a dielectric seen head-on."""
BLOCK = 8
"""Rows that a thread takes at a time; left alone, Taichi gives so few long items to a single thread."""


@ti.func
def fifth_power(x: ti.f32) -> ti.f32:
    return x * x * x * x * x


@ti.func
def reflected_sun(normal: ti.template(), to_eye: ti.template(), to_sun: ti.template(), roughness: ti.f32) -> ti.f32:
    """GGX highlight times the cosine, for unit irradiance / pi (Walter et al. 2007; Karis 2013 for visibility)."""
    half = (to_eye + to_sun).normalized(1e-9)
    alpha = roughness * roughness
    cos_half = ti.max(normal.dot(half), 0.0)
    spread = cos_half * cos_half * (alpha * alpha - 1) + 1
    distribution = alpha * alpha / (spread * spread)
    cos_eye, cos_sun = ti.max(normal.dot(to_eye), 1e-3), ti.max(normal.dot(to_sun), 0.0)
    k = alpha / 2
    visibility = 1 / ((cos_eye * (1 - k) + k) * (cos_sun * (1 - k) + k))
    fresnel = SPECULAR + (1 - SPECULAR) * fifth_power(1 - ti.max(half.dot(to_eye), 0.0))
    return distribution * visibility * fresnel * cos_sun / 4


@ti.func
def sky_light(
    albedo: color, normal: color, to_eye: color, rough: ti.f32, sky: ti.template(), ambient: ti.template()
) -> color:
    """Diffuse and mirrored light of sky and ground; rough surfaces mirror the blurred sky."""
    bounced = normal * (2 * normal.dot(to_eye)) - to_eye
    mirror = ambient_radiance(ambient, bounced)
    if rough < 0.5 and bounced[2] > 0:
        mirror = mirror * rough + sky_radiance(sky, bounced) * (1 - rough)
    fresnel = SPECULAR + ti.max(1 - rough - SPECULAR, 0.0) * fifth_power(1 - ti.max(normal.dot(to_eye), 0.0))
    return albedo * (1 - SPECULAR) * ambient_radiance(ambient, normal) + fresnel * mirror


@ti.func
def to_srgb(value: ti.f32) -> ti.u8:
    """Linear light as a byte: Blender's "Standard" view transform."""
    encoded = 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return ti.cast(encoded * 255 + 0.5, ti.u8)


@ti.func
def on_tangent_plane(px: ti.f64, py: ti.f64, at: vec3, flat: vec3, rays: ti.template()) -> vec3:
    """Where the ray of image point (px, py) meets the plane through `at` with the normal `flat`."""
    start = row(rays, 0) + px * row(rays, 1) + py * row(rays, 2)
    way = row(rays, 3) + px * row(rays, 4) + py * row(rays, 5)
    along = flat.dot(way)
    spot = at
    if along != 0:
        spot = start + flat.dot(at - start) / along * way
    return spot


@ti.kernel
def shade(
    points: Array,
    projected: Array,
    faces: Array,
    radii: Array,
    rays: Array,
    near: ti.f64,
    id_bits: ti.i32,
    keys: Array,
    uv: Array,
    material: Array,
    smooth: Array,
    vertex_normals: Array,
    colors: Array,
    roughness: Array,
    emission: Array,
    levels: Array,
    last_level: Array,
    texels: Array,
    sky: Array,
    ambient: Array,
    sun: Array,
    sun_color: Array,
    sun_maps: Array,
    sun_keys: Array,
    sun_near: ti.f64,
    sun_shift: Array,
    bias: Array,
    samples: ti.i32,
    image: Array,
):
    """The picture (H, W, 3) of what `keys`, with `samples` x `samples` as many pixels, names.

    Where all samples of a pixel see one surface, it is shaded once and only its shadow is sampled.
    """
    mask = (ti.cast(1, ti.i64) << id_bits) - 1
    spheres, count = radii.shape[0], samples * samples
    to_sun64 = -vec3(sun[0], sun[1], sun[2])
    to_sun = ti.cast(to_sun64, ti.f32)
    ti.loop_config(block_dim=BLOCK)
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            first = keys[y * samples, x * samples]
            uniform = count > 1
            for n in range(count):
                other = keys[y * samples + n // samples, x * samples + n % samples]
                if (other & mask) != (first & mask) or (other == ti.i64(EMPTY)) != (first == ti.i64(EMPTY)):
                    uniform = False
            total = color(0, 0, 0)
            for n in range(1 if uniform else count):
                px, py, step = x * samples + n % samples + 0.5, y * samples + n // samples + 0.5, ti.cast(1, ti.f64)
                key = keys[y * samples + n // samples, x * samples + n % samples]
                if uniform:
                    px, py, step = (x + 0.5) * samples, (y + 0.5) * samples, ti.cast(samples, ti.f64)
                ray = row(rays, 3) + px * row(rays, 4) + py * row(rays, 5)
                to_eye = ti.cast(-ray.normalized(), ti.f32)
                result = color(0, 0, 0)
                if key == ti.i64(EMPTY):
                    result = sky_radiance(sky, -to_eye)
                else:
                    surface = ti.cast(key & mask, ti.i32)
                    m = material[surface]
                    albedo = rgb(colors, m)
                    origin = row(rays, 0) + px * row(rays, 1) + py * row(rays, 2)
                    at, flat, normal = vec3(0, 0, 0), vec3(0, 0, 0), color(0, 0, 0)
                    if surface < spheres:
                        at = origin + ray_sphere(rays, px, py, row(points, surface), radii[surface], near) * ray
                        flat = at - row(points, surface)
                    else:
                        face = surface - spheres
                        edges, _ = edge_functions(projected, faces, face)
                        weights = edges @ vec3(px, py, 1.0)
                        if levels[m, 0, 1] > 0:
                            albedo *= painted(weights, edges, step, face, m, uv, texels, levels, last_level[m])
                        for i in ti.static(range(3)):
                            share = weights[i] / weights.sum()
                            at += share * row(points, faces[face, i])
                            if smooth[face] != 0:
                                normal += ti.max(ti.cast(share, ti.f32), 0.0) * rgb(vertex_normals, faces[face, i])
                        a = row(points, faces[face, 0])
                        flat = (row(points, faces[face, 1]) - a).cross(row(points, faces[face, 2]) - a)
                    if normal.norm() < 1e-6:
                        normal = ti.cast(flat.normalized(1e-30), ti.f32)
                    if flat.dot(ray) > 0:
                        flat, normal = -flat, -normal
                    normal = normal.normalized(1e-9)
                    result = sky_light(albedo, normal, to_eye, roughness[m], sky, ambient) + emission[m] * albedo
                    facing = normal.dot(to_sun)
                    if facing > 0 and flat.dot(to_sun64) > 0:
                        lit = ti.cast(1.0, ti.f32)
                        if not uniform or not in_the_open(at, surface, mask, sun_maps, sun_keys):
                            lit = 0.0
                            tests = count if uniform else 1
                            for k in range(tests):
                                spot = at
                                if uniform:
                                    sx, sy = x * samples + k % samples + 0.5, y * samples + k // samples + 0.5
                                    spot = on_tangent_plane(sx, sy, at, flat, rays)
                                hidden = in_shadow(
                                    spot, to_sun64, surface, points, faces, radii,
                                    sun_maps, sun_keys, sun_near, sun_shift, id_bits, bias,
                                )  # fmt: skip
                                lit += (1.0 - hidden) / tests
                        highlight = reflected_sun(normal, to_eye, to_sun, roughness[m])
                        result += lit * rgb(sun_color, 0) * (albedo * ((1 - SPECULAR) * facing) + highlight)
                total += ti.min(ti.max(result, 0.0), 1.0)
            total /= 1.0 if uniform else count
            for c in ti.static(range(3)):
                image[y, x, c] = to_srgb(total[c])
