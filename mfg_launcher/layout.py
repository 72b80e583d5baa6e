"""Where the launcher keeps things: everything it makes is under `.local/`, downloads in a cache."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The folders of one checkout.

    :param root: the checkout
    :param cache: downloads shared by all checkouts of this user
    """

    root: Path
    cache: Path

    @classmethod
    def of(cls, root: Path, environ: Mapping[str, str]) -> "Layout":
        home = Path(environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "~")) / ".cache")
        return cls(root=root.resolve(), cache=home.expanduser() / "mfg-integration")

    @property
    def local(self) -> Path:
        return self.root / ".local"

    @property
    def venv(self) -> Path:
        return self.local / "venv"

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def odoo(self) -> Path:
        return self.local / "odoo"

    @property
    def postgres(self) -> Path:
        return self.local / "pg"

    @property
    def bin(self) -> Path:
        return self.local / "bin"

    @property
    def logs(self) -> Path:
        return self.local / "log"

    @property
    def run(self) -> Path:
        return self.local / "run"

    @property
    def data(self) -> Path:
        return self.local / "data"

    @property
    def state_file(self) -> Path:
        return self.local / "state.json"

    @property
    def config_file(self) -> Path:
        return self.local / "odoo.conf"

    @property
    def secret_key(self) -> Path:
        return self.local / "secret.key"

    @property
    def setup_log(self) -> Path:
        return self.logs / "setup.log"

    @property
    def launcher(self) -> Path:
        return self.root / "mfg"

    def create(self) -> None:
        for folder in (self.local, self.bin, self.logs, self.run, self.data):
            folder.mkdir(parents=True, exist_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write ``text`` so that nobody but the owner could read it at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        os.fchmod(stream.fileno(), 0o600)
        stream.write(text)


def write_atomic(path: Path, text: str) -> None:
    """Replace ``path`` as a whole: a reader sees the old or the new text, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    fresh.write_text(text)
    fresh.replace(path)
