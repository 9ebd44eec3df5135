import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from softlight.io.images import ImageError, open_movie


@pytest.mark.parametrize("kind", ["czi", "nd2", "lif"])
def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch, kind):
    package = {"czi": "pylibCZIrw", "nd2": "nd2", "lif": "readlif"}[kind]
    for name in (package, f"{package}.czi", f"{package}.reader"):
        monkeypatch.setitem(sys.modules, name, None)
    path = tmp_path / f"a.{kind}"
    path.write_bytes(b"something")
    with pytest.raises(ImageError, match=rf"pip install 'softlight\[{kind}\]'"):
        open_movie(path)


PIXELS = np.random.default_rng(0).integers(1, 999, (3, 2, 8, 9), np.uint16)  # T, C, Y, X


class FakeNd2:
    """What the nd2 package shows of a file of two positions, three times and two channels."""

    sizes = {"P": 2, "T": 3, "C": 2, "Y": 8, "X": 9}  # noqa: RUF012
    dtype = np.dtype("u2")
    loop_indices = tuple({"P": p, "T": t} for p in range(2) for t in range(3))
    experiment = [SimpleNamespace(type="TimeLoop", parameters=SimpleNamespace(periodMs=30_000.0))]  # noqa: RUF012

    def __init__(self, path):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def voxel_size(self):
        return SimpleNamespace(x=0.325, y=0.325, z=1.0)

    def read_frame(self, number):
        return PIXELS[number] if number < 3 else PIXELS[number - 3] * 0


def test_nd2(tmp_path, monkeypatch):
    package = ModuleType("nd2")
    package.ND2File = FakeNd2
    monkeypatch.setitem(sys.modules, "nd2", package)
    path = tmp_path / "a.nd2"
    path.write_bytes(b"something")
    movie = open_movie(path)
    assert (movie.shape, movie.axes) == ((3, 8, 9, 2), "TCYX")
    assert (movie.pixel_size_um, movie.frame_interval_min) == (0.325, 0.5)
    assert "2 positions" in movie.notes[0]
    np.testing.assert_array_equal(np.stack(list(movie)), PIXELS.transpose(0, 2, 3, 1))
    monkeypatch.setattr(FakeNd2, "read_frame", lambda _self, number: PIXELS[number] * 0)
    with pytest.raises(ImageError, match="all zero, so it is missing"):
        movie.frame(0)


def test_lif(tmp_path, monkeypatch):
    image = SimpleNamespace(
        dims=SimpleNamespace(x=9, y=8, z=1, t=3, m=1),
        channels=2,
        bit_depth=(12, 12),
        offsets=(40, 99),
        scale=(4.0, 4.0, None, 1 / 120),
        get_frame=lambda t=0, c=0: PIXELS[t, c],
    )
    package = ModuleType("readlif.reader")
    package.LifFile = lambda _path: SimpleNamespace(num_images=1, get_image=lambda _at: image)
    monkeypatch.setitem(sys.modules, "readlif", ModuleType("readlif"))
    monkeypatch.setitem(sys.modules, "readlif.reader", package)
    path = tmp_path / "a.lif"
    path.write_bytes(b"something")
    movie = open_movie(path, channel=1)
    assert (movie.pixel_size_um, movie.frame_interval_min) == (0.25, pytest.approx(2))
    np.testing.assert_array_equal(np.stack(list(movie)), PIXELS[:, 1])
    image.offsets = (40, 0)
    with pytest.raises(ImageError, match="truncated"):
        open_movie(path)


def test_czi_as_its_own_package_writes_it(tmp_path):
    czi = pytest.importorskip("pylibCZIrw.czi", reason="the extra softlight[czi] is not installed")
    path = tmp_path / "a.czi"
    with czi.create_czi(str(path)) as file:
        for t in range(3):
            for c in range(2):
                file.write(PIXELS[t, c], plane={"T": t, "C": c, "Z": 0})
        file.write_metadata("a", scale_x=0.65e-6, scale_y=0.65e-6)
    movie = open_movie(path)
    assert movie.pixel_size_um == pytest.approx(0.65)
    np.testing.assert_array_equal(np.stack(list(movie)), PIXELS.transpose(0, 2, 3, 1))
