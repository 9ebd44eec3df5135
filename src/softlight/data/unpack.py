"""Zip archives from strangers, unpacked without letting them write anywhere else."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from softlight.data.download import FetchError, need_space
from softlight.data.samples import Progress

MAX_MEMBERS = 200_000
MAX_RATIO = 200  # of the whole archive; single label images may well shrink more
SMALL_BYTES = 1024**3  # below this any ratio is harmless
_BLOCK = 1 << 20


def unpack(archive: Path, folder: Path, *, progress: Progress | None = None) -> None:
    """Everything in ``archive`` written below ``folder``, or nothing if any member is unsafe.

    Refused are paths that leave the folder, links and other special files, encrypted members, the
    same path twice, and archives that grow to more than 200 times their size.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _checked(opened, archive)
            total = sum(member.file_size for member in members)
            folder.mkdir(parents=True, exist_ok=True)
            need_space(folder, total, what=f"Unpacking {archive.name}")
            done = 0
            for member in members:
                done += _write(opened, member, folder, archive=archive)
                if progress is not None:
                    progress(done, total)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise FetchError(
            f"{archive.name} is not a readable zip archive ({error}). Delete it and fetch again."
        ) from None


def _checked(opened: zipfile.ZipFile, archive: Path) -> list[zipfile.ZipInfo]:
    """The members that are files, after all were found safe."""
    members = opened.infolist()
    if len(members) > MAX_MEMBERS:
        raise _unsafe(archive, f"it has {len(members)} members")
    seen: set[str] = set()
    for member in members:
        reason = _unsafe_reason(member)
        if reason:
            raise _unsafe(archive, f"{member.filename!r} {reason}")
        key = "/".join(PurePosixPath(member.filename).parts).casefold()
        if key in seen:
            raise _unsafe(archive, f"{member.filename!r} comes twice")
        seen.add(key)
    total = sum(member.file_size for member in members)
    if total > max(SMALL_BYTES, MAX_RATIO * archive.stat().st_size):
        raise _unsafe(archive, f"it would grow to {total / 1e9:.1f} GB")
    return [member for member in members if not member.is_dir()]


def _unsafe_reason(member: zipfile.ZipInfo) -> str:
    name = member.filename
    kind = stat.S_IFMT(member.external_attr >> 16)
    if not PurePosixPath(name).parts or "\x00" in member.orig_filename:
        return "has no usable name"
    if "\\" in name or PureWindowsPath(name).drive or PurePosixPath(name).is_absolute():
        return "is not a relative path"
    if ".." in PurePosixPath(name).parts:
        return "leads out of the folder"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is a link or a special file"
    if member.flag_bits & 0x1:
        return "is encrypted"
    return ""


def _write(opened: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, *, archive: Path) -> int:
    """The bytes written for one member, never more than it declares."""
    target = folder / PurePosixPath(member.filename)
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with opened.open(member) as source, target.open("xb") as stream:
        while block := source.read(_BLOCK):
            written += len(block)
            if written > member.file_size:
                raise _unsafe(archive, f"{member.filename!r} is larger than it declares")
            stream.write(block)
    return written


def _unsafe(archive: Path, what: str) -> FetchError:
    return FetchError(
        f"{archive.name} is not unpacked, because {what}. Do not trust this file; check where it "
        "comes from."
    )
