import errno
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cases import write_discs

from softlight import __version__
from softlight.apps import cli
from softlight.recipes import train_folder as folder_recipe


def run(argv: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of ``softlight`` with these words."""
    monkeypatch.setattr(sys, "argv", ["softlight", *argv])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def raising(error: BaseException):  # type: ignore[no-untyped-def]
    def function(*_: object, **__: object) -> None:
        raise error

    return function


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['softlight', '--help']\n"
        "from softlight.apps.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = ('torch', 'matplotlib', 'pandas', 'numpy', 'pydantic')\n"
        "print([name for name in heavy if name in sys.modules], file=sys.stderr)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "segment" in done.stdout
    assert done.stderr.strip() == "[]"
    assert after.ru_utime - before.ru_utime < 0.5


def test_version(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"], monkeypatch) == 0
    assert capsys.readouterr().out == f"softlight {__version__}\n"


TRAIN = ["train", "tiny", "--data", "d", "--out", "o"]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (
            ["train", "unet", "--data", "DATA", "--out", "o"],
            "There is no recipe 'unet'. Use one of",
        ),
        (["train", "none.toml", "--data", "DATA", "--out", "o"], "none.toml does not exist"),
        ([*TRAIN, "--minutes", "1", "--epochs", "2"], "--minutes or --epochs, not both"),
        ([*TRAIN, "--set", "train.epochs"], "--set train.epochs has no value"),
        ([*TRAIN, "--set", "=3"], "--set =3 has no value"),
        (
            ["crossval", "ctc-unet", "--data", "DATA", "--out", "o", "--set", "train.epochs=nan"],
            "settings: train.epochs",
        ),
        (["crossval", "ctc-unet", "--data", "DATA", "--out", "o", "--folds", "1"], "not 1"),
        (
            ["crossval", "x", "--data", "d", "--out", "o", "--minutes", "1", "--epochs", "2"],
            "not both",
        ),
        (["crossval", "ctc-unet", "--data", "none", "--out", "o"], "none does not exist"),
        (["reproduce", "unet"], "no published system 'unet'"),
        (["segment", "x.tif", "--model", "none", "--out", "o"], "neither a folder nor a shipped"),
        (["evaluate", "--data", "DATA", "--out", "o"], "one of them"),
        (
            ["evaluate", "--data", "DATA", "--out", "o", "--predicted", "none"],
            "none is not a folder",
        ),
        (["simulate", "--out", "o", "--modality", "dic"], "modality is 'dic'"),
        (["simulate", "--out", "o", "--set", "photon=3"], "A scene has no photon. Its fields are"),
        (["simulate", "--out", "o", "--set", "photons=many"], "photons is 'many'"),
        (["simulate", "--out", "o", "--varied", "2", "--cells", "3"], "--cells would change noth"),
        (["simulate", "--out", "o", "--varied", "2", "--set", "photons=9"], "--set would change"),
        (["simulate", "--out", "o", "--varied", "-1"], "-1 scenes were asked for"),
        (["expand", "--data", "DATA", "--out", "o", "--total", "1"], "total is 1 for 2 images"),
        (["fetch", "nothing"], "'nothing' is not a known data set. Known are"),
        (["fetch", "livecell", "--addresses", "none.toml"], "none.toml does not exist"),
        (["info", "none.tif"], "none.tif does not exist"),
    ],
)
def test_mistakes_are_one_sentence(
    argv: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_discs(tmp_path / "data", ("a", "b"))
    monkeypatch.chdir(tmp_path)
    assert run(["data" if word == "DATA" else word for word in argv], monkeypatch) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("softlight: ")
    assert told in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_unknown_models_list_the_shipped_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from softlight.models.saved import list_shipped

    run(["segment", "x.tif", "--model", "none", "--out", "o"], monkeypatch)
    assert ", ".join(list_shipped()) in capsys.readouterr().err


def test_a_wrong_flag_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", "--wrong"], monkeypatch) == 2
    assert "--wrong" in capsys.readouterr().err


class OutOfMemoryError(RuntimeError):
    """As torch's."""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "o/x"), "No space left on device (o/x)."),
        (MemoryError(), "There is not enough memory."),
        (OutOfMemoryError("CUDA out of memory"), "There is not enough memory."),
        (ValueError("two  spaces"), "softlight: two  spaces"),  # as in a path
        (ValueError(), "softlight: ValueError"),
    ],
)
def test_the_machines_limits_are_one_sentence(
    error: Exception,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(folder_recipe, "train_folder", raising(error))
    assert run(TRAIN, monkeypatch) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def test_our_own_mistakes_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_recipe, "train_folder", raising(RuntimeError("a bug")))
    monkeypatch.setattr(sys, "argv", ["softlight", *TRAIN])
    with pytest.raises(RuntimeError, match="a bug"):
        cli.main()


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_recipe, "train_folder", raising(ValueError("wrong")))
    monkeypatch.setenv("SOFTLIGHT_DEBUG", "1")
    monkeypatch.setattr(sys, "argv", ["softlight", *TRAIN])
    with pytest.raises(ValueError, match="wrong"):
        cli.main()


@pytest.mark.parametrize("kept", [True, False])
def test_ctrl_c_in_training_says_how_to_go_on(
    kept: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    if kept:
        (tmp_path / "o" / "training").mkdir(parents=True)
        (tmp_path / "o" / "training" / "checkpoint.safetensors").touch()
    monkeypatch.setattr(folder_recipe, "train_folder", raising(KeyboardInterrupt()))
    assert run(TRAIN, monkeypatch) == 128 + signal.SIGINT
    told = capsys.readouterr().err
    assert "Interrupted." in told
    assert ("give the same command with --resume" in told) == kept
    assert ("nothing is kept" in told) != kept


def test_ctrl_c_in_cross_validation_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from softlight.recipes import reproduce

    monkeypatch.setattr(reproduce, "reproduce", raising(KeyboardInterrupt()))
    assert run(["reproduce", "ctc-unet"], monkeypatch) == 130
    assert "give the same command to go on" in capsys.readouterr().err


def test_lists_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["recipes"], monkeypatch) == 0
    assert "livecell-unet-modern" in capsys.readouterr().out
    assert run(["models"], monkeypatch) == 0


def test_info_says_how_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    images = write_discs(tmp_path, ("a", "b")) / "images"
    (images / "b.tif").write_bytes(b"II*\0 no image")
    assert run(["info", str(images)], monkeypatch) == 1
    captured = capsys.readouterr()
    assert "a.tif: 1 x 48 x 48 uint8" in captured.out
    assert captured.err.startswith("b.tif: ")
