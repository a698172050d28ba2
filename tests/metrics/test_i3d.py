"""FVD on I3D with random weights in the published layout: the published ones are not to be had here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from simcraft.errors import UserError
from simcraft.metrics.frechet import frechet_distance
from simcraft.metrics.i3d import frechet_video_distance, i3d_features, load_i3d
from simcraft.metrics.i3d_network import I3D, Mixed, padded_as_tensorflow, pooled


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights whose every layer matters: normalisations are no identity."""
    torch.manual_seed(0)
    network = I3D()
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm3d):
            for value, least, most in ((part.weight, 0.5, 1.5), (part.running_var, 0.1, 0.5), (part.bias, -0.1, 0.1)):
                torch.nn.init.uniform_(value, least, most)
    place = tmp_path_factory.mktemp("i3d")
    save_file(network.state_dict(), place / "model.safetensors")
    return place


def video(seed: int, frames: int = 9) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (frames, 8, 8, 3))
    return np.kron(coarse, np.ones((1, 8, 8, 1))).astype(np.uint8)


def test_the_layout_is_the_published_one() -> None:
    """12,697,264 parameters and the names of pytorch-i3d's InceptionI3d, whose source ours was compared with."""
    network = I3D()
    assert sum(value.numel() for value in network.parameters()) == 12_697_264
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert len(shapes) == 57 * 6 + 2  # a kernel and five of a normalisation, and the logits
    assert shapes["Conv3d_1a_7x7.conv3d.weight"] == (64, 3, 7, 7, 7)
    assert shapes["Conv3d_2b_1x1.bn.running_mean"] == (64,)
    assert shapes["Conv3d_2c_3x3.conv3d.weight"] == (192, 64, 3, 3, 3)
    assert shapes["Mixed_3b.b1b.conv3d.weight"] == (128, 96, 3, 3, 3)
    assert shapes["Mixed_4e.b2b.bn.num_batches_tracked"] == ()
    assert shapes["Mixed_4f.b3b.conv3d.weight"] == (128, 528, 1, 1, 1)
    assert shapes["Mixed_5c.b0.bn.running_var"] == (384,)
    assert shapes["logits.conv3d.weight"] == (400, 1024, 1, 1, 1)
    assert shapes["logits.conv3d.bias"] == (400,)


@pytest.mark.parametrize(
    ("size", "side", "stride", "before", "after"),
    [(224, 7, 2, 2, 3), (9, 7, 2, 3, 3), (112, 3, 2, 0, 1), (5, 3, 2, 1, 1), (7, 3, 1, 1, 1), (3, 2, 2, 0, 1)],
)
def test_windows_lie_as_in_tensorflow(size: int, side: int, stride: int, before: int, after: int) -> None:
    """ "SAME": ceil(size / stride) windows, and where an odd number of zeros is needed, more after than before."""
    line = torch.ones(1, 1, size, 1, 1)
    padded = padded_as_tensorflow(line, (side, 1, 1), (stride, 1, 1))[0, 0, :, 0, 0]
    assert padded.tolist() == [0] * before + [1] * size + [0] * after
    assert (len(padded) - side) // stride + 1 == -(-size // stride)


def test_each_axis_has_its_own_window() -> None:
    seen = torch.rand(1, 2, 4, 6, 10)
    assert pooled(seen, (1, 3, 3), (1, 2, 2)).shape == (1, 2, 4, 3, 5)
    assert pooled(seen, (3, 3, 3), (2, 2, 2)).shape == (1, 2, 2, 3, 5)
    assert pooled(seen, (3, 1, 1), (2, 1, 1))[0, 0, 1, 0, 0] == seen[0, 0, 2:, 0, 0].max()


def test_branches_stand_in_the_published_order() -> None:
    """Each branch in turn is the only one that does not give zeros."""
    mixed = Mixed(4, (1, 2, 3, 4, 5, 6)).eval()
    seen = torch.rand(1, 4, 2, 3, 3)
    starts = {"b0": 0, "b1b": 1, "b2b": 4, "b3b": 9}
    for name, start in starts.items():
        for other in starts:
            bn = mixed.get_submodule(other).bn
            torch.nn.init.zeros_(bn.weight)
            torch.nn.init.constant_(bn.bias, float(other == name))
        with torch.inference_mode():
            found = mixed(seen)[0].amax((1, 2, 3)).nonzero()[:, 0].tolist()
        assert found == list(range(start, start + {"b0": 1, "b1b": 3, "b2b": 5, "b3b": 6}[name]))


def test_weights_load_as_they_are_whatever_their_precision(folder: Path, tmp_path: Path) -> None:
    saved = load_file(folder / "model.safetensors")
    loaded = load_i3d(folder)
    assert not loaded.training
    state = loaded.state_dict()
    assert all(torch.equal(state[name], value) for name, value in saved.items() if not name.endswith("_tracked"))
    old = {name: value.half() for name, value in saved.items() if not name.endswith("_tracked")}  # before PyTorch 0.4
    save_file(old, tmp_path / "model.safetensors")
    halved = load_i3d(tmp_path).state_dict()
    assert all(torch.equal(halved[name], value.float()) for name, value in old.items())


@pytest.mark.slow
def test_features_are_the_mean_logits_of_enlarged_frames(folder: Path) -> None:
    """17 frames have two sets of logits; the definition, written out with OpenCV's bilinear enlargement."""
    import cv2

    frames = video(0, 17)
    features = i3d_features(frames, load_i3d(folder))
    large = np.stack(
        [cv2.resize(frame, (224, 224), interpolation=cv2.INTER_LINEAR) for frame in frames.astype(np.float32)]
    )
    pixels = torch.from_numpy(large / 127.5 - 1).permute(3, 0, 1, 2)[None]
    with torch.inference_mode():
        logits = load_i3d(folder)(pixels)
    assert features.shape == (400,) and features.dtype == np.float64 and logits.shape == (1, 400, 2)
    np.testing.assert_allclose(features, logits[0].mean(1).numpy(), atol=1e-3 * features.std())
    assert logits[0, :, 0].allclose(logits[0, :, 1], rtol=1e-3) is False  # so that the mean is one of different things


@pytest.mark.slow
def test_distance(folder: Path) -> None:
    """Of two sets that share a video; with two in each, the shift of the means is not all there is."""
    network = load_i3d(folder)
    videos = [video(seed) for seed in range(3)]
    features = np.array([i3d_features(each, network) for each in videos])
    shift = np.square(features[:2].mean(0) - features[1:].mean(0)).sum()
    distance = frechet_video_distance(videos[:2], videos[1:], folder)
    assert distance == pytest.approx(frechet_distance(features[:2], features[1:]), rel=1e-6)
    assert distance > shift > 0


def test_too_few_frames_and_what_are_none(folder: Path) -> None:
    network = load_i3d(folder)
    with pytest.raises(UserError, match=r"FVD needs 9 or more frames .* these are \(8, 64, 64, 3\) uint8"):
        i3d_features(video(0, 8), network)
    with pytest.raises(UserError, match=r"these are \(9, 64, 64, 3\) float64"):
        i3d_features(video(0) / 255, network)


def test_a_pickle_is_not_opened_and_the_conversion_works(folder: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "executed",))

    torch.save({"trap": Trap()}, tmp_path / "rgb_imagenet.pt")
    with pytest.raises(UserError, match=r"rgb_imagenet\.pt holds a pickle") as raised:
        load_i3d(tmp_path)
    assert not (tmp_path / "executed").exists()
    torch.save(load_file(folder / "model.safetensors"), tmp_path / "rgb_imagenet.pt")
    exec(raised.value.fix.split('python -c "')[1].rstrip('"'))
    assert torch.equal(load_i3d(tmp_path).logits["conv3d"].bias, load_i3d(folder).logits["conv3d"].bias)


def test_folders_without_i3d(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "model.safetensors"
    with pytest.raises(UserError, match=r"has no I3D weights \(model\.safetensors\)"):
        load_i3d(tmp_path)
    place.write_bytes((folder / "model.safetensors").read_bytes()[:100])
    with pytest.raises(UserError, match="is not a readable safetensors file"):
        load_i3d(tmp_path)
    weights = load_file(folder / "model.safetensors")
    save_file({name: value for name, value in weights.items() if "5c.b0" not in name}, place)
    with pytest.raises(UserError, match=r"is not I3D: it has no Mixed_5c\.b0\.conv3d\.weight"):
        load_i3d(tmp_path)
    save_file(weights | {"logits.conv3d.bias": torch.zeros(600)}, place)
    with pytest.raises(UserError, match=r"not I3D with 400 classes: logits\.conv3d\.bias is \(600,\)"):
        load_i3d(tmp_path)
