"""Where things come from: models and uv from a web server on this computer, Pythons and uv of this computer."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from blender_addon.engine_setup import commands, layout, tools
from blender_addon.engine_setup.errors import SetupError
from blender_addon.engine_setup.installation import install
from blender_addon.engine_setup.models import install_models
from blender_addon.engine_setup.request import Installation, read_engine
from tests.engine_setup.stand_ins import ENGINE_VERSION, WORKER, Recorder, Server, Wheels, models_zip, write_wheel

Made = tuple[Installation, dict[str, Any], Recorder]


UV = Path(found).parent if (found := shutil.which("uv")) else None


def ignore(*_: Any) -> None:
    """A report that nobody reads."""


def wanting_models(folder: Path, server: Server, data: bytes, **changes: Any) -> Installation:
    """A request for the models in a zip on the server."""
    server.files["/models.zip"] = data
    values = {"online": True, "models_address": f"{server.address}/models.zip"}
    values["models_sha256"] = hashlib.sha256(data).hexdigest()
    return Installation(folder, Path("wheel"), Path("pins"), **{**values, **changes})


def test_models_are_fetched_once(server: Server, tmp_path: Path) -> None:
    request = wanting_models(tmp_path, server, models_zip())
    folder = install_models(request, ignore)
    assert folder is not None
    assert sorted(path.parent.name for path in folder.glob("*/model_index.json")) == ["first", "second"]
    install_models(request, ignore)
    assert len(server.asked) == 1
    newer = wanting_models(tmp_path, server, models_zip(names=["third"]))
    install_models(newer, ignore)
    assert [path.parent.name for path in folder.glob("*/model_index.json")] == ["third"]


def test_an_interrupted_download_goes_on(server: Server, tmp_path: Path) -> None:
    data = models_zip()
    request = wanting_models(tmp_path, server, data)
    server.breaks_after = 100
    with pytest.raises(SetupError, match=r"has ended after|cannot be fetched"):
        install_models(request, ignore)
    server.breaks_after = None
    install_models(request, ignore)
    assert [asked for _, asked in server.asked] == ["", "bytes=100-"]


def test_a_file_that_was_not_meant_is_refused_and_forgotten(server: Server, tmp_path: Path) -> None:
    request = wanting_models(tmp_path, server, models_zip(), models_sha256="0" * 64)
    for _ in range(2):
        with pytest.raises(SetupError, match="not the file that was meant"):
            install_models(request, ignore)
    assert not layout.models_folder(tmp_path).exists()


@pytest.mark.parametrize("name", ["../outside.txt", "/outside.txt", "first/../../outside.txt", "C:/outside.txt"])
def test_a_zip_that_writes_elsewhere_is_refused(server: Server, tmp_path: Path, name: str) -> None:
    request = wanting_models(tmp_path / "engine", server, models_zip(also={name: "x"}))
    with pytest.raises(SetupError, match="outside its folder"):
        install_models(request, ignore)
    assert not (tmp_path / "outside.txt").exists()
    assert not layout.models_folder(request.folder).exists()


def test_models_that_cannot_be_had_are_explained(server: Server, tmp_path: Path) -> None:
    cases = {
        "no permission to go online": {"online": False},
        r"SHA-256 of the models' zip is missing": {"models_sha256": "12"},
        "answer 404": {"models_address": f"{server.address}/nothing"},
        "is no address": {"models_address": "file:///etc/passwd"},
    }
    for message, changes in cases.items():
        with pytest.raises(SetupError, match=message):
            install_models(wanting_models(tmp_path, server, models_zip(), **changes), ignore)
    with pytest.raises(SetupError, match="has no model"):
        install_models(wanting_models(tmp_path, server, models_zip(names=[])), ignore)
    with pytest.raises(SetupError, match="is no zip"):
        install_models(wanting_models(tmp_path, server, b"no zip"), ignore)


def test_an_engine_is_installed_with_its_models(
    installed: Made, wheels: Wheels, server: Server, tmp_path: Path
) -> None:
    """The stand-in engine says in which folder it looks for models."""
    folder = tmp_path / "engine"
    shutil.copytree(installed[0].folder, folder, symlinks=True)
    data = models_zip()
    server.files["/models.zip"] = data
    values = {"models_address": f"{server.address}/models.zip", "models_sha256": hashlib.sha256(data).hexdigest()}
    request = Installation(**{**vars(installed[0]), "folder": folder, **values})
    with pytest.raises(SetupError, match="no permission to go online"):
        install(request, Recorder())
    online = Installation(**{**vars(request), "online": True, "index": server.address, "torch_index": ""})
    # the packages are there, and so nothing else is asked for
    assert install(online, Recorder())["best"] == (folder / "models").as_posix()
    assert {path for path, _ in server.asked} == {"/models.zip"}


def test_blenders_own_python_is_never_built_on() -> None:
    own = tools.examine_python(Path(sys.executable), None)
    assert own is not None
    assert own.version == sys.version_info[:2]
    assert tools.examine_python(Path(sys.executable), Path(sys.prefix)) is None
    # that of a Linux distribution is everybody's
    assert not tools._same("/usr", Path("/usr"))
    assert tools.examine_python(Path("/bin/sh"), None) is None
    assert tools.examine_python(Path("/nonexistent"), None) is None


def this_uv() -> str:
    """The name of uv's wheel for this computer."""
    tags = {"linux": "manylinux_2_17_x86_64", "darwin": "macosx_11_0_arm64", "win32": "win_amd64"}
    name = f"py3-none-{tags[sys.platform]}"
    if not tools.fits_this_computer(f"uv-{tools.UV_VERSION}-{name}.whl"):
        pytest.skip("another processor")
    return name


@pytest.mark.skipif(os.name != "posix", reason="the stand-in is a shell script")
def test_uv_comes_from_the_wheel_folder_or_from_the_index(
    wheels: Wheels, without_uv: None, server: Server, tmp_path: Path
) -> None:
    script = {f"uv-{tools.UV_VERSION}.data/scripts/uv": "#!/bin/sh\necho uv 0.0\n"}
    wheel = write_wheel(tmp_path / "wheels", "uv", tools.UV_VERSION, script, tag=this_uv())
    engine = read_engine(wheels.engine)
    offline = Installation(tmp_path / "one", wheels.engine, wheels.pins, wheel_folder=tmp_path / "wheels")
    found = tools.find_tools(offline, engine, ignore)
    assert found.uv == tmp_path / "one/tools/uv"
    assert os.access(found.uv, os.X_OK)

    sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
    server.files[f"/files/{wheel.name}"] = wheel.read_bytes()
    other = f'<a href="/files/uv-0.0.1-{this_uv()}.whl#sha256={sha256}">older</a>'
    page = f'{other} <a href="../../files/{wheel.name}#sha256={sha256}">{wheel.name}</a>'
    server.files["/simple/uv/"] = page.encode()
    online = Installation(tmp_path / "two", wheels.engine, wheels.pins, online=True, index=f"{server.address}/simple")
    assert tools.fetch_uv(online, ignore) == tmp_path / "two/tools/uv"
    assert tools.find_uv(online) == tmp_path / "two/tools/uv"
    with pytest.raises(SetupError, match="cannot be read"):
        tools.fetch_uv(Installation(tmp_path, wheels.engine, wheels.pins, index="http://127.0.0.1:9"), ignore)


@pytest.mark.skipif(UV is None, reason="needs uv on PATH")
def test_the_real_uv_installs_without_a_network(
    wheels: Wheels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(UV), prepend=os.pathsep)
    request = Installation(tmp_path / "engine", wheels.engine, wheels.pins, wheel_folder=wheels.folder)
    assert install(request, Recorder())["device"] == "a stand-in"
    assert (tmp_path / "engine/environment/pyvenv.cfg").read_text().count("uv =") == 1
    assert install(request, Recorder())["device"] == "a stand-in"


def serve_index(server: Server, path: str, wheels: list[Path]) -> str:
    """Let the server be an index of packages below `path`; returns its address."""
    for package in {wheel.name.split("-")[0].replace("_", "-") for wheel in wheels}:
        of_package = [wheel for wheel in wheels if wheel.name.split("-")[0].replace("_", "-") == package]
        links = [f'<a href="/files{path}/{wheel.name}">{wheel.name}</a>' for wheel in of_package]
        server.files[f"{path}/{package}/"] = "\n".join(links).encode()
        server.files |= {f"/files{path}/{wheel.name}": wheel.read_bytes() for wheel in of_package}
    return server.address + path


@pytest.mark.slow
@pytest.mark.parametrize("uses_uv", [False, pytest.param(True, marks=pytest.mark.skipif(UV is None, reason="no uv"))])
@pytest.mark.skipif(sys.platform == "darwin", reason="there torch has one build")
def test_torch_of_the_wanted_build_comes_from_its_index(
    uses_uv: bool, installed: Made, wheels: Wheels, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if uses_uv:
        monkeypatch.setenv("PATH", str(UV), prepend=os.pathsep)
    # a torch that this computer's own settings offer would be another one
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    folder = tmp_path / "engine"
    shutil.copytree(installed[0].folder, folder, symlinks=True)
    files = {"simcraft/__init__.py": "", "simcraft/worker.py": WORKER}
    engine = write_wheel(tmp_path, "simcraft_video", ENGINE_VERSION, files, needs=["torch>=2.4", "tiny-one"])
    plain = write_wheel(tmp_path / "plain", "torch", "2.13.0", {"torch.py": ""}, needs=["nvidia-huge"])
    light = write_wheel(tmp_path / "light", "torch", "2.13.0+cpu", {"torch.py": ""}, needs=["tiny-two"])
    index = serve_index(server, "/simple", [plain, *wheels.folder.glob("*.whl")])
    serve_index(server, "/builds/cpu", [light])
    asked = {"online": True, "index": index, "torch_index": f"{server.address}/builds", "build": "cpu"}
    request = Installation(**{**vars(installed[0]), "folder": folder, "wheel": engine, "wheel_folder": None, **asked})
    assert install(request, Recorder())["torch"] == "2.13.0+cpu"
    assert layout.read_installed(folder) == layout.Installed(ENGINE_VERSION, "3.11.7", "2.13.0+cpu")


def test_the_build_of_torch_suits_the_driver() -> None:
    table = "| NVIDIA-SMI 560.35 Driver Version: 560.35 CUDA Version: 12.6 |"
    assert commands.cuda_of_driver(table) == 12
    assert commands.cuda_of_driver(table.replace("CUDA", "CUDA UMD").replace("12.6", "13.1")) == 13
    assert commands.cuda_of_driver("command not found") is None
    assert commands.chosen_build("cuda13") == "cuda13"


def test_torch_comes_from_its_own_index(wheels: Wheels, tmp_path: Path) -> None:
    engine = read_engine(wheels.engine)
    online = Installation(tmp_path, wheels.engine, wheels.pins, online=True, build="cuda12")
    for uv, option in ((Path("uv"), "--index"), (None, "--extra-index-url")):
        found = tools.Tools(uv, Path("python"), (3, 11))
        needed = commands.requirements(online, engine, "cuda12")
        line = commands.install(found, online, needed)
        if sys.platform != "darwin":
            assert line[line.index(option) + 1] == "https://download.pytorch.org/whl/cu126"
            assert line[-1] == "torch==2.13.0+cu126"
        assert "https://pypi.org/simple" in line
        assert "--only-binary=:all:" in line
        offline = commands.install(found, Installation(tmp_path, wheels.engine, wheels.pins), ["tiny-one"])
        assert "--no-index" in offline
        assert not [part for part in offline if part.startswith("http")]
