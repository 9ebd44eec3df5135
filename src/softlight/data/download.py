"""One file from the web, resumed where an earlier attempt stopped."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from softlight.data.samples import DataError, Progress

_BLOCK = 1 << 20
_RETRYABLE = {408, 425, 429, 500, 502, 503, 504}
_SPARE_BYTES = 64 * 1024**2  # left free on the disk


class FetchError(DataError):
    """A public data set could not be fetched."""


class _InterruptedError(Exception):
    """The connection broke; what came so far is kept."""


def download(
    url: str,
    target: Path,
    *,
    progress: Progress | None = None,
    attempts: int = 5,
    timeout_s: float = 30.0,
    wait_s: float = 1.0,
) -> Path:
    """``target``, whole: fetched from ``url``, continuing ``target.part`` if there is one.

    A broken connection is tried again, and again from where it broke, until ``attempts`` in a row
    bring nothing new. What came stays in the ``.part`` file for the next call. ``progress`` is told
    the bytes that are here and those of the whole file.
    """
    if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
        raise FetchError(f"{url} is not a web address; give one that starts with https://.")
    if target.exists():
        return target
    part = target.with_name(target.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    failures = 0
    while True:
        before = _size(part)
        try:
            _continue(url, part, progress=progress, timeout_s=timeout_s)
        except _InterruptedError as error:
            failures = 1 if _size(part) > before else failures + 1
            if failures >= attempts:
                raise FetchError(
                    f"The download of {url} broke off after {_size(part)} bytes: {error}. Check "
                    "the network connection and give the same command again; it continues there."
                ) from None
            time.sleep(wait_s * failures)
            continue
        part.replace(target)
        _validator_file(part).unlink(missing_ok=True)
        return target


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def need_space(folder: Path, size: int, *, what: str) -> None:
    """Raise unless the disk of ``folder`` has room for ``size`` bytes more."""
    free = shutil.disk_usage(folder).free
    if size + _SPARE_BYTES > free:
        raise FetchError(
            f"{what} needs {size / 1e6:.0f} MB in {folder}, which has {free / 1e6:.0f} MB free. "
            "Make room or give another folder."
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _validator_file(part: Path) -> Path:
    return part.with_name(part.name + ".etag")


def _continue(url: str, part: Path, *, progress: Progress | None, timeout_s: float) -> None:
    """Fetch what is missing of ``part``, or raise _InterruptedError with what came kept."""
    start = _size(part)
    request = urllib.request.Request(url, headers={"User-Agent": "softlight"})  # noqa: S310  http(s) checked
    validator = _validator_file(part)
    if start and validator.exists():
        request.add_header("Range", f"bytes={start}-")
        # A file that changed on the server comes whole instead of as a tail of another file.
        request.add_header("If-Range", validator.read_text(encoding="utf-8"))
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:  # noqa: S310
            _receive(response, part, progress=progress)
    except urllib.error.HTTPError as error:
        whole = error.headers.get("Content-Range") == f"bytes */{start}"
        error.close()
        if not (error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and whole):
            _explain_status(url, part, error.code, start=start)
    except urllib.error.URLError as error:
        if start or isinstance(error.reason, TimeoutError | ConnectionResetError):
            raise _InterruptedError(str(error.reason)) from None
        raise FetchError(
            f"{urllib.parse.urlsplit(url).netloc} cannot be reached ({error.reason}). Check the "
            "network connection; data sets can also be copied by hand."
        ) from None
    except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
        raise _InterruptedError(str(error) or type(error).__name__) from None


def _receive(response: http.client.HTTPResponse, part: Path, *, progress: Progress | None) -> None:
    """Append the answer to ``part`` where it continues it, else begin ``part`` anew."""
    resumed = response.status == http.client.PARTIAL_CONTENT
    start = _size(part) if resumed else 0
    if resumed and not (response.headers.get("Content-Range") or "").startswith(f"bytes {start}-"):
        part.unlink()
        raise _InterruptedError("the server sent another piece than asked")
    length = response.headers.get("Content-Length")
    total = start + int(length) if length and length.isdigit() else 0
    need_space(part.parent, max(total - start, 0), what=part.stem)
    _remember(response, part)
    with part.open("ab" if resumed else "wb") as stream:
        done = start
        while block := response.read(_BLOCK):
            stream.write(block)
            done += len(block)
            if progress is not None:
                progress(done, max(done, total))
    if total and done != total:
        raise _InterruptedError(f"{done} of {total} bytes came")


def _remember(response: http.client.HTTPResponse, part: Path) -> None:
    """Keep what names this version of the file; a weak tag does not, so it is not kept."""
    tag = response.headers.get("ETag") or ""
    name = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")
    if name:
        _validator_file(part).write_text(name, encoding="utf-8")
    else:
        _validator_file(part).unlink(missing_ok=True)


def _explain_status(url: str, part: Path, status: int, *, start: int) -> None:
    if status == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and start:
        part.unlink()
        raise _InterruptedError("the file on the server is shorter than what is here")
    if status in _RETRYABLE:
        raise _InterruptedError(f"the server answered {status}")
    meaning = {404: "there is no such file", 403: "access is refused", 410: "the file is gone"}
    raise FetchError(
        f"{url}: {meaning.get(status, 'the server refused')} (HTTP {status}). The publisher may "
        "have moved it; correct the address in a copy of addresses.toml and give that file."
    )
