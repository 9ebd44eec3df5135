"""Fetching from a server on this machine: resumed, checked, and unpacked without harm."""

import hashlib
import io
import stat
import threading
import tomllib
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from softlight.data import download as download_module
from softlight.data import unpack as unpack_module
from softlight.data.download import FetchError, download
from softlight.data.fetch import ADDRESSES, fetch, known_sets
from softlight.data.unpack import unpack

CONTENT = bytes(range(256)) * 4000  # about 1 MB


class Server(ThreadingHTTPServer):
    """Serves bytes, with faults that a test orders."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.ranges = True  # answer Range requests
        self.etag = '"v1"'
        self.break_after: list[int] = []  # close the connection after so many bytes, once each
        self.answers: list[int] = []  # status codes to give first
        self.asked: list[tuple[str, str | None]] = []

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        wanted = self.headers.get("Range")
        server.asked.append((self.path, wanted))
        content = server.files.get(self.path.lstrip("/"))
        status = server.answers.pop(0) if server.answers else 404 if content is None else 200
        if status != 200 or content is None:
            self.send_error(status)
            return
        start = 0
        fresh = self.headers.get("If-Range") in (None, server.etag)
        if wanted and server.ranges and fresh:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if server.etag:
            self.send_header("ETag", server.etag)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = start + server.break_after.pop(0) if server.break_after else None
        self.wfile.write(content[start:end])


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module.time, "sleep", lambda seconds: None)


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def addresses(path: Path, url: str, sha256: str = "", *, unpacked: bool = True) -> Path:
    path.write_text(
        f"""[toy]
title = "A toy"
licence = "CC0"
home = "https://example.org"
folder = "toy"

[[toy.files]]
url = "{url}"
sha256 = "{sha256}"
unpack = {str(unpacked).lower()}
into = "{"." if unpacked else "toy"}"
""",
        encoding="utf-8",
    )
    return path


# ---- one file


def test_a_file_comes_whole(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"] = CONTENT
    told: list[tuple[int, int]] = []
    path = download(
        server.url("a.bin"), tmp_path / "sub" / "a.bin", progress=lambda *now: told.append(now)
    )
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [p.name for p in path.parent.iterdir()] == ["a.bin"]


def test_a_broken_connection_is_continued(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"] = CONTENT
    server.break_after = [1000, 5000]
    assert download(server.url("a.bin"), tmp_path / "a.bin").read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == [None, "bytes=1000-", "bytes=6000-"]


def test_the_next_call_continues_where_the_last_gave_up(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"] = CONTENT
    server.break_after = [3000]
    with pytest.raises(FetchError, match=r"broke off after 3000 bytes: .* it continues there"):
        download(server.url("a.bin"), tmp_path / "a.bin", attempts=1)
    assert (tmp_path / "a.bin.part").read_bytes() == CONTENT[:3000]
    assert not (tmp_path / "a.bin").exists()
    assert download(server.url("a.bin"), tmp_path / "a.bin").read_bytes() == CONTENT
    assert server.asked[-1][1] == "bytes=3000-"


def test_a_server_without_ranges_sends_all_again(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"] = CONTENT
    server.ranges = False
    server.break_after = [3000]
    assert download(server.url("a.bin"), tmp_path / "a.bin").read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == [None, "bytes=3000-"]


def test_a_server_without_etag_is_not_continued(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"] = CONTENT
    server.etag = ""
    server.break_after = [3000]
    assert download(server.url("a.bin"), tmp_path / "a.bin").read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == [None, None]


def test_a_file_that_changed_meanwhile_comes_whole(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"] = CONTENT
    server.break_after = [3000]
    with pytest.raises(FetchError):
        download(server.url("a.bin"), tmp_path / "a.bin", attempts=1)
    server.files["a.bin"], server.etag = CONTENT[::-1], '"v2"'
    assert download(server.url("a.bin"), tmp_path / "a.bin").read_bytes() == CONTENT[::-1]


def test_a_part_that_is_already_whole(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"] = CONTENT
    (tmp_path / "a.bin.part").write_bytes(CONTENT)
    (tmp_path / "a.bin.part.etag").write_text(server.etag)
    assert download(server.url("a.bin"), tmp_path / "a.bin").read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_a_part_that_is_too_long_is_begun_anew(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"] = CONTENT
    (tmp_path / "a.bin.part").write_bytes(CONTENT + b"more")
    (tmp_path / "a.bin.part.etag").write_text(server.etag)
    assert download(server.url("a.bin"), tmp_path / "a.bin").read_bytes() == CONTENT


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.files["a.bin"] = CONTENT
    server.answers = [503, 429]
    assert download(server.url("a.bin"), tmp_path / "a.bin").read_bytes() == CONTENT
    server.answers = [500] * 9
    with pytest.raises(FetchError, match="broke off after 0 bytes: the server answered 500"):
        download(server.url("a.bin"), tmp_path / "b.bin", attempts=3)


@pytest.mark.parametrize(
    ("status", "meaning"), [(404, "there is no such file"), (403, "access is refused")]
)
def test_refusals(server: Server, tmp_path: Path, status: int, meaning: str) -> None:
    server.answers = [status]
    with pytest.raises(FetchError, match=rf"{meaning} \(HTTP {status}\).*correct the address"):
        download(server.url("a.bin"), tmp_path / "a.bin")


def test_no_network(tmp_path: Path) -> None:
    with Server() as gone:
        url = gone.url("a.bin")
    with pytest.raises(FetchError, match=r"127\.0\.0\.1:\d+ cannot be reached .* network"):
        download(url, tmp_path / "a.bin", timeout_s=2)


def test_only_web_addresses(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    with pytest.raises(FetchError, match="is not a web address"):
        download(secret.as_uri(), tmp_path / "a.bin")


def test_a_full_disk_is_told_before(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["a.bin"] = CONTENT
    usage = download_module.shutil._ntuple_diskusage(10**9, 10**9 - 10**6, 10**6)
    monkeypatch.setattr(download_module.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(FetchError, match=r"a\.bin needs 1 MB in .* has 1 MB free"):
        download(server.url("a.bin"), tmp_path / "a.bin")


# ---- archives


def write_zip(path: Path, members: dict[str, bytes]) -> Path:
    path.write_bytes(zipped(members))
    return path


def test_an_archive_is_unpacked(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"d/": b"", "d/one.txt": b"1", "d/e/two.txt": b"22"})
    told: list[tuple[int, int]] = []
    unpack(path, tmp_path / "out", progress=lambda *now: told.append(now))
    assert (tmp_path / "out/d/e/two.txt").read_bytes() == b"22"
    assert told[-1] == (3, 3)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../evil.txt", "leads out of the folder"),
        ("good/../../evil.txt", "leads out of the folder"),
        ("/tmp/evil.txt", "is not a relative path"),
        ("C:/evil.txt", "is not a relative path"),
        ("..\\evil.txt", "is not a relative path"),
    ],
)
def test_paths_out_of_the_folder_are_refused(tmp_path: Path, name: str, reason: str) -> None:
    path = write_zip(tmp_path / "a.zip", {"good.txt": b"1", name: b"2"})
    with pytest.raises(FetchError, match=rf"is not unpacked, because .*{reason}"):
        unpack(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()  # nothing at all was written


def test_links_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc")
        archive.writestr("link/evil.txt", "x")
    with pytest.raises(FetchError, match="is a link or a special file"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_the_same_path_twice_is_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"a/b.txt": b"1", "A/./b.txt": b"2"})
    with pytest.raises(FetchError, match="comes twice"):
        unpack(path, tmp_path / "out")


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.txt": b"1"}))
    data[6] |= 1
    data[data.rindex(b"PK\1\2") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(FetchError, match="is encrypted"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_zip(tmp_path / "a.zip", {"zeros": bytes(3_000_000)})
    unpack(path, tmp_path / "fine")  # small ones do no harm
    monkeypatch.setattr(unpack_module, "SMALL_BYTES", 1_000_000)
    with pytest.raises(FetchError, match="it would grow to"):
        unpack(path, tmp_path / "out")
    monkeypatch.setattr(unpack_module, "MAX_MEMBERS", 0)
    with pytest.raises(FetchError, match="it has 1 members"):
        unpack(path, tmp_path / "out")


def test_a_member_larger_than_it_declares_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped({"zeros": bytes(5_000_000)}))
    at = data.rindex(b"PK\1\2") + 24
    data[at : at + 4] = (10).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(FetchError, match=r"a\.zip is not"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    written = sum(file.stat().st_size for file in (tmp_path / "out").rglob("*"))
    assert written <= 10


@pytest.mark.parametrize("content", [b"", b"not a zip", zipped({"a": CONTENT})[:-40]])
def test_damaged_archives(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(FetchError, match="is not a readable zip archive"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


# ---- whole sets


def test_a_set_is_fetched_checked_and_recorded(server: Server, tmp_path: Path) -> None:
    server.files["toy.zip"] = zipped({"toy/01/t000.tif": b"x"})
    digest = hashlib.sha256(server.files["toy.zip"]).hexdigest()
    book = addresses(tmp_path / "book.toml", server.url("toy.zip"), digest)
    folder = fetch("toy", tmp_path / "data", addresses=book)
    assert folder == tmp_path / "data" / "toy"
    assert (folder / "01/t000.tif").read_bytes() == b"x"
    record = tomllib.loads((folder / "fetched.toml").read_text())
    assert record["licence"] == "CC0"
    assert record["files"][0]["sha256"] == digest
    assert record["files"][0]["checked"] == "known hash"
    assert [p.name for p in (tmp_path / "data").iterdir()] == ["toy"]
    assert fetch("toy", tmp_path / "data", addresses=book) == folder
    assert len(server.asked) == 1  # the second call needs no network


def test_an_unknown_hash_is_recorded(server: Server, tmp_path: Path) -> None:
    server.files["notes.json"] = b"{}"
    book = addresses(tmp_path / "book.toml", server.url("notes.json"), unpacked=False)
    folder = fetch("toy", tmp_path, addresses=book)
    assert (folder / "notes.json").read_bytes() == b"{}"
    record = tomllib.loads((folder / "fetched.toml").read_text())["files"][0]
    assert (record["checked"], record["bytes"]) == ("first seen", 2)
    assert record["sha256"] == hashlib.sha256(b"{}").hexdigest()


def test_a_wrong_hash_is_refused_and_deleted(server: Server, tmp_path: Path) -> None:
    server.files["toy.zip"] = zipped({"toy/a": b"x"})
    book = addresses(tmp_path / "book.toml", server.url("toy.zip"), "0" * 64)
    with pytest.raises(FetchError, match=r"toy\.zip has the SHA-256 .*, not 000000000000…"):
        fetch("toy", tmp_path / "data", addresses=book)
    assert not list((tmp_path / "data").rglob("*.zip"))
    assert not (tmp_path / "data" / "toy").exists()


def test_an_interrupted_set_is_continued(server: Server, tmp_path: Path) -> None:
    server.files["toy.zip"] = zipped({"toy/a": CONTENT, "toy/b": b"y"})
    book = addresses(tmp_path / "book.toml", server.url("toy.zip"))
    server.break_after = [500] + [0] * 4
    with pytest.raises(FetchError, match="broke off after 500 bytes"):
        fetch("toy", tmp_path / "data", addresses=book)
    assert not (tmp_path / "data" / "toy").exists()
    folder = fetch("toy", tmp_path / "data", addresses=book)
    assert server.asked[-1][1] == "bytes=500-"
    assert (folder / "a").read_bytes() == CONTENT


def test_a_hostile_set_leaves_nothing(server: Server, tmp_path: Path) -> None:
    server.files["toy.zip"] = zipped({"toy/a": b"x", "../../evil": b"x"})
    book = addresses(tmp_path / "book.toml", server.url("toy.zip"))
    with pytest.raises(FetchError, match="leads out of the folder"):
        fetch("toy", tmp_path / "data", addresses=book)
    assert not list(tmp_path.rglob("evil"))
    assert not (tmp_path / "data" / "toy").exists()


def test_messages(server: Server, tmp_path: Path) -> None:
    server.files["toy.zip"] = zipped({"other/a": b"x"})
    book = addresses(tmp_path / "book.toml", server.url("toy.zip"))
    with pytest.raises(FetchError, match=r"'tiger' is not a known data set\. Known are: toy"):
        fetch("tiger", tmp_path, addresses=book)
    with pytest.raises(FetchError, match="hold no folder 'toy'"):
        fetch("toy", tmp_path / "data", addresses=book)
    (tmp_path / "mine" / "toy").mkdir(parents=True)
    with pytest.raises(FetchError, match="exists, but not from a finished fetch"):
        fetch("toy", tmp_path / "mine", addresses=book)
    (tmp_path / "file").touch()
    with pytest.raises(FetchError, match="cannot be written"):
        fetch("toy", tmp_path / "file" / "data", addresses=book)


def test_address_file_messages(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="does not exist"):
        known_sets(tmp_path / "none.toml")
    book = tmp_path / "book.toml"
    book.write_text("[toy")
    with pytest.raises(FetchError, match="is not readable TOML"):
        known_sets(book)
    book.write_text('[toy]\ntitle = "x"\n')
    with pytest.raises(FetchError, match=r"is wrong at licence: Field required"):
        known_sets(book)
    addresses(book, "http://127.0.0.1/a.zip")
    book.write_text(book.read_text().replace('into = "."', 'into = "../.."'))
    with pytest.raises(
        FetchError, match=r"is wrong at files\.0\.into: .*must be a relative folder"
    ):
        known_sets(book)
    book.write_text(book.read_text().replace('folder = "toy"', 'folder = "../toy"'))
    with pytest.raises(FetchError, match=r"is wrong at folder: .*must be a plain folder name"):
        known_sets(book)


def test_the_shipped_addresses() -> None:
    sets = known_sets()
    assert ADDRESSES.name == "addresses.toml"
    assert {"livecell", "ctc:PhC-C2DL-PSC", "ctc:Fluo-N2DH-GOWT1"} <= set(sets)
    for name, item in sets.items():
        for file in item.files:
            assert file.url.startswith("https://")
            assert len(file.sha256) in (0, 64)
        if name.startswith("ctc:"):
            assert item.files[0].sha256
            assert item.files[0].name == f"{item.folder}.zip"
    assert [file.name for file in sets["livecell"].files] == [
        "images.zip",
        "livecell_coco_train.json",
        "livecell_coco_val.json",
        "livecell_coco_test.json",
    ]
