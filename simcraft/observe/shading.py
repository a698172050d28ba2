# mypy: disable-error-code="valid-type, index, attr-defined"
"""Taichi kernels of the preview: texture, sun with exact shadow edges, sky, and sRGB.

No bounds are checked here; `Skin` and `Materials` have been clipped to what exists.
"""

from simcraft.observe.haze_kernels import firelight
from simcraft.observe.kernels import EMPTY, edge_functions, mat3, ray_sphere, row, vec3
from simcraft.observe.shadows import in_shadow, in_the_open
from simcraft.observe.texturing import ambient_radiance, color, painted, rgb, sky_radiance
from simcraft.taichi_runtime import ti

Array = ti.types.ndarray()
SPECULAR = 0.04
"""Reflectance of a dielectric seen head-on."""


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


@ti.func
def sample_position(x: ti.i32, y: ti.i32, n: ti.i32, samples: ti.template()):
    """Image point of the centre of sample n of pixel (x, y)."""
    return x * samples + n % samples + ti.cast(0.5, ti.f64), y * samples + n // samples + ti.cast(0.5, ti.f64)


@ti.func
def alike_samples(x: ti.i32, y: ti.i32, n: ti.i32, samples: ti.template(), mask: ti.i64, keys: ti.template()) -> ti.i32:
    """A bit for each sample of pixel (x, y) that sees the same surface as sample n, that of n included."""
    key, alike = keys[y * samples + n // samples, x * samples + n % samples], 0
    for k in ti.static(range(samples * samples)):
        other = keys[y * samples + k // samples, x * samples + k % samples]
        if ((other ^ key) & mask) == 0 and (other == ti.i64(EMPTY)) == (key == ti.i64(EMPTY)):
            alike |= 1 << k
    return alike


@ti.func
def middle_of(x: ti.i32, y: ti.i32, alike: ti.i32, samples: ti.template()):
    """Image point between the samples `alike` of pixel (x, y), and their number."""
    px, py, members = ti.cast(0, ti.f64), ti.cast(0, ti.f64), 0
    for n in ti.static(range(samples * samples)):
        if alike >> n & 1:
            sample_x, sample_y = sample_position(x, y, n, samples)
            px, py, members = px + sample_x, py + sample_y, members + 1
    return px / members, py / members, members


@ti.func
def place_on_surface(
    px: ti.f64,
    py: ti.f64,
    surface: ti.i32,
    points: ti.template(),
    projected: ti.template(),
    faces: ti.template(),
    radii: ti.template(),
    rays: ti.template(),
    near: ti.f64,
):
    """World point of `surface` at an image point, its geometric normal of any length, the triangle's edge functions
    there, and how they change with (x, y, 1)."""
    at, flat, here, edges = vec3(0, 0, 0), vec3(0, 0, 0), vec3(1, 0, 0), mat3(0)
    if surface < radii.shape[0]:
        centre = row(points, surface)
        origin = row(rays, 0) + px * row(rays, 1) + py * row(rays, 2)
        ray = row(rays, 3) + px * row(rays, 4) + py * row(rays, 5)
        at = origin + ray_sphere(rays, px, py, centre, radii[surface], near) * ray
        flat = at - centre
    else:
        face = surface - radii.shape[0]
        edges, _ = edge_functions(projected, faces, face)
        here = edges @ vec3(px, py, 1.0)
        a, b, c = row(points, faces[face, 0]), row(points, faces[face, 1]), row(points, faces[face, 2])
        at = (here[0] * a + here[1] * b + here[2] * c) / here.sum()
        flat = (b - a).cross(c - a)
    return at, flat, here, edges


@ti.func
def interpolated_normal(
    face: ti.i32, here: vec3, corners: ti.template(), normals: ti.template(), turn: ti.template(), owner: ti.i32
) -> color:
    """World normal, of any length, of a smooth triangle where its edge functions are `here`; 0 where all cancels."""
    local, world = color(0, 0, 0), color(0, 0, 0)
    for i in ti.static(range(3)):
        local += ti.max(ti.cast(here[i] / here.sum(), ti.f32), 0.0) * rgb(normals, corners[face, i])
    if local.norm() > 1e-6:
        for i in ti.static(range(3)):
            world[i] = turn[owner, i, 0] * local[0] + turn[owner, i, 1] * local[1] + turn[owner, i, 2] * local[2]
    return world


# fmt: off
@ti.func
def sunlit_share(
    x: ti.i32, y: ti.i32, alike: ti.i32, samples: ti.template(),
    at: vec3, flat: vec3, surface: ti.i32, to_sun: vec3,
    points: ti.template(), faces: ti.template(), radii: ti.template(), rays: ti.template(),
    maps: ti.template(), keys: ti.template(), near: ti.f64, shift: ti.template(), id_bits: ti.i32, bias: ti.template(),
) -> ti.f32:
    # fmt: on
    """How many of the samples `alike`, all of `surface` around the world point `at`, the sun reaches; 0 to 1."""
    share = ti.cast(1.0, ti.f32)
    if not in_the_open(at, surface, (ti.cast(1, ti.i64) << id_bits) - 1, maps, keys):
        tests, hidden = 0, 0
        for n in range(samples * samples):
            if alike >> n & 1:
                px, py = sample_position(x, y, n, samples)
                spot = on_tangent_plane(px, py, at, flat, rays)
                hidden += in_shadow(
                    spot, to_sun, surface, points, faces, radii, maps, keys, near, shift, id_bits, bias
                )  # fmt: skip
                tests += 1
        share = 1.0 - hidden / ti.cast(tests, ti.f32)
    return share


@ti.func
def haze_of_samples(
    x: ti.i32, y: ti.i32, alike: ti.i32, samples: ti.template(), members: ti.i32, haze: ti.template()
):
    """Mean of `haze` over the samples `alike` of pixel (x, y), `members` in number."""
    total = ti.Vector([ti.cast(0.0, ti.f32)] * 5)
    for n in ti.static(range(samples * samples)):
        if alike >> n & 1:
            for c in ti.static(range(5)):
                total[c] += haze[y * samples + n // samples, x * samples + n % samples, c]
    return total / members


# fmt: off
@ti.kernel
def shade(
    points: Array, projected: Array, faces: Array, radii: Array, surface_owner: Array,
    rays: Array, near: ti.f64, id_bits: ti.i32, keys: Array,
    uv: Array, material: Array, corners: Array, normals: Array, turn: Array,
    colors: Array, roughness: Array, emission: Array, levels: Array, last_level: Array, texels: Array,
    sky: Array, ambient: Array, sun: Array, sun_color: Array,
    sun_maps: Array, sun_keys: Array, sun_near: ti.f64, sun_shift: Array, bias: Array,
    haze: Array, lamps: Array, hazy: ti.template(), samples: ti.template(), image: Array,
):
    # fmt: on
    """The picture (H, W, 3) of what `keys`, with `samples` x `samples` as many pixels, names.

    Each surface in a pixel is shaded once, in the middle of the samples that see it; only its shadow is sampled.
    If `hazy`, there is smoke in front of it and flames beside it, as `haze` and `lamps` tell (see `haze.Haze`).
    """
    for pixel in range(image.shape[0] * image.shape[1]):
        x, y, spheres = pixel % image.shape[1], pixel // image.shape[1], radii.shape[0]
        mask, to_sun = (ti.cast(1, ti.i64) << id_bits) - 1, -vec3(sun[0], sun[1], sun[2])
        total, done = color(0, 0, 0), 0
        for n in range(samples * samples):
            if done >> n & 1 == 0:
                alike = alike_samples(x, y, n, samples, mask, keys)
                done |= alike
                px, py, members = middle_of(x, y, alike, samples)
                ray = row(rays, 3) + px * row(rays, 4) + py * row(rays, 5)
                to_eye = ti.cast(-ray.normalized(), ti.f32)
                result, over = color(0, 0, 0), ti.Vector([ti.cast(0.0, ti.f32)] * 5)
                if ti.static(hazy):
                    over = haze_of_samples(x, y, alike, samples, members, haze)
                key = keys[y * samples + n // samples, x * samples + n % samples]
                if key == ti.i64(EMPTY):
                    result = sky_radiance(sky, -to_eye)
                else:
                    surface = ti.cast(key & mask, ti.i32)
                    m, face = material[surface], surface - spheres
                    at, flat, here, edges = place_on_surface(
                        px, py, surface, points, projected, faces, radii, rays, near
                    )
                    albedo, normal = rgb(colors, m), ti.cast(flat.normalized(1e-30), ti.f32)
                    if face >= 0:
                        if levels[m, 0, 1] > 0:
                            albedo *= painted(here, edges, samples, face, m, uv, texels, levels, last_level[m])
                        if corners[face, 0] >= 0:
                            bent = interpolated_normal(face, here, corners, normals, turn, surface_owner[surface])
                            if bent.norm() > 0:
                                normal = bent
                    if flat.dot(ray) > 0:
                        flat, normal = -flat, -normal
                    normal = normal.normalized(1e-30)
                    result = sky_light(albedo, normal, to_eye, roughness[m], sky, ambient) + emission[m] * albedo
                    if ti.static(hazy):
                        warm = firelight(at, ti.cast(normal, ti.f64), lamps) / ti.cast(ti.math.pi, ti.f32)
                        result += (1 - SPECULAR) * albedo * warm
                    facing = normal.dot(ti.cast(to_sun, ti.f32))
                    if facing > 0 and flat.dot(to_sun) > 0:
                        lit = sunlit_share(
                            x, y, alike, samples, at, flat, surface, to_sun, points, faces, radii, rays,
                            sun_maps, sun_keys, sun_near, sun_shift, id_bits, bias,
                        )  # fmt: skip
                        if ti.static(hazy):
                            lit *= over[4]
                        highlight = reflected_sun(normal, to_eye, ti.cast(to_sun, ti.f32), roughness[m])
                        result += lit * rgb(sun_color, 0) * (albedo * ((1 - SPECULAR) * facing) + highlight)
                if ti.static(hazy):
                    result = result * over[3] + color(over[0], over[1], over[2])
                total += ti.min(ti.max(result, 0.0), 1.0) * members
        for c in ti.static(range(3)):
            image[y, x, c] = to_srgb(total[c] / (samples * samples))
