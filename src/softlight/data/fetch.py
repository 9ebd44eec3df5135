"""Public data sets, downloaded, checked and unpacked for users who are online."""

from __future__ import annotations

import re
import shutil
import tomllib
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from softlight.data.download import FetchError, download, sha256
from softlight.data.samples import Progress
from softlight.data.unpack import unpack

ADDRESSES = Path(__file__).with_name("addresses.toml")
RECORD = "fetched.toml"  # in the finished folder: what came from where, with its hash


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PublicFile(_Entry):
    """One file of a public data set."""

    url: str
    sha256: str = ""  # empty where the publisher gives none
    into: str = "."  # folder below the destination
    unpack: bool = False

    @field_validator("into")
    @classmethod
    def _inside(cls, value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts or "\\" in value:
            raise ValueError("must be a relative folder")
        return value

    @property
    def name(self) -> str:
        """The file's name, the last part of its address."""
        return PurePosixPath(self.url.partition("?")[0]).name


class PublicSet(_Entry):
    """One public data set: where its files are and which folder they become."""

    title: str
    licence: str
    home: str
    folder: str
    files: tuple[PublicFile, ...]

    @field_validator("folder")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*", value):
            raise ValueError("must be a plain folder name")
        return value


def known_sets(addresses: Path | None = None) -> dict[str, PublicSet]:
    """The public data sets of the address file, by the name that ``fetch`` takes."""
    path = addresses or ADDRESSES
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: PublicSet.model_validate(entry) for name, entry in values.items()}
    except FileNotFoundError:
        raise FetchError(f"The address file {path} does not exist.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FetchError(f"The address file {path} is not readable TOML: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FetchError(f"The address file {path} is wrong at {where}: {first['msg']}.") from None


def fetch(
    name: str,
    destination: Path | str,
    *,
    addresses: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """The folder of the public data set ``name`` below ``destination``, complete.

    Downloads continue where an earlier attempt stopped; each file is checked against its SHA-256
    where one is known, and the folder appears under its name only when all is there. A set that was
    fetched before is returned at once. ``progress`` is told (bytes done, bytes in all) of the file
    that is downloaded or unpacked.
    """
    sets = known_sets(addresses)
    if name not in sets:
        raise FetchError(f"{name!r} is not a known data set. Known are: {', '.join(sorted(sets))}.")
    chosen = sets[name]
    destination = Path(destination)
    finished = destination / chosen.folder
    if finished.exists():
        if (finished / RECORD).exists():
            return finished
        raise FetchError(
            f"{finished} exists, but not from a finished fetch. Remove it or give another folder."
        )
    work = destination / f".fetch-{chosen.folder}"
    stage = work / "stage"
    try:
        work.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(stage, ignore_errors=True)
        records = [_bring(item, work, stage, progress=progress) for item in chosen.files]
        _finish(name, chosen, records, stage=stage, finished=finished)
        shutil.rmtree(work)
    except OSError as error:
        raise FetchError(
            f"{destination} cannot be written: {error}. Give another folder or make room."
        ) from None
    return finished


def _bring(
    item: PublicFile, work: Path, stage: Path, *, progress: Progress | None
) -> dict[str, str | int]:
    """Download one file, check it and put it or what it holds into the stage."""
    path = download(item.url, work / item.name, progress=progress)
    found = sha256(path)
    if item.sha256 and found != item.sha256.lower():
        path.unlink()
        raise FetchError(
            f"{item.name} has the SHA-256 {found[:12]}…, not {item.sha256[:12]}…, so it was "
            "damaged or changed and is deleted. Fetch again; if it stays so, the publisher has a "
            "new version: put its hash into a copy of addresses.toml and give that file."
        )
    record: dict[str, str | int] = {
        "url": item.url,
        "bytes": path.stat().st_size,
        "sha256": found,
        "checked": "known hash" if item.sha256 else "first seen",
    }
    into = stage / item.into
    into.mkdir(parents=True, exist_ok=True)
    if item.unpack:
        unpack(path, into, progress=progress)
    else:
        shutil.copyfile(path, into / item.name)
    return record


def _finish(
    name: str,
    chosen: PublicSet,
    records: list[dict[str, str | int]],
    *,
    stage: Path,
    finished: Path,
) -> None:
    """Give the staged folder its name, with a record of where it came from."""
    staged = stage / chosen.folder
    if not staged.is_dir():
        raise FetchError(
            f"The files of {name} hold no folder {chosen.folder!r}. The publisher has changed "
            "them; correct a copy of addresses.toml and give that file."
        )
    values = {
        "name": name,
        "title": chosen.title,
        "licence": chosen.licence,
        "home": chosen.home,
        "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": records,
    }
    (staged / RECORD).write_text(tomli_w.dumps(values), encoding="utf-8")
    staged.replace(finished)
