"""Clips with random content, for tests of files."""

import numpy as np

from simcraft.clip import ARRAYS, InstanceInfo, MotionClip


def random_clip(
    seed: int = 0, frames: int = 3, height: int = 4, width: int = 5, points: int = 2, optional: bool = True
) -> MotionClip:
    """Every field filled with noise; without `optional` only the required ones."""
    rng = np.random.default_rng(seed)
    sizes = {"T": frames, "T-1": frames - 1, "H": height, "W": width, "N": points}
    required = {"image", "flow_forward", "flow_backward", "flow_valid_forward", "flow_valid_backward"}
    arrays = {}
    for name, (shape, dtype) in ARRAYS.items():
        if optional or name in required:
            values = rng.uniform(0, 255, [sizes.get(n, n) for n in shape])
            arrays[name] = values > 128 if dtype == "bool" else values.astype(dtype)
    if optional:
        arrays["depth"][0, 0, 0] = np.inf
        arrays["to_first"][0, 0, 0] = np.nan
    return MotionClip(
        **arrays,
        frames_source="preview" if optional else None,
        captions=("a ball, “rolling”",),
        instance_table=(InstanceInfo(1, "ball", "red", "bullet"), InstanceInfo(2, "floor")),
        fps=12.5,
        name="näme",
        seed=7,
        image_source="preview",
        metadata={"warnings": ["one"], "nested": {"a": 1.5}},
    )


def assert_same_clip(left: MotionClip, right: MotionClip) -> None:
    for name in left.__dataclass_fields__:
        a, b = getattr(left, name), getattr(right, name)
        if name in ARRAYS and a is not None:
            assert a.dtype == b.dtype, name
            np.testing.assert_array_equal(a, b, err_msg=name)
        else:
            assert a == b, name
