"""A real nginx with the configuration that we ship, its addresses and files put in."""

import os
import pwd
import socket
from collections.abc import Mapping
from pathlib import Path

from .ports import LOOPBACK, free_port
from .process import ROOT, ChildProcess

SHIPPED = ROOT / "docs/nginx.conf"
START_SECONDS = 20


class Nginx(ChildProcess):
    """nginx in front of an Odoo server.

    :param folder: for its files
    :param odoo_port: where Odoo listens
    :param certificate: of the server, with its key, both in PEM
    :param replacements: further lines of the shipped file to be replaced
    """

    def __init__(
        self, folder: Path, odoo_port: int, certificate, replacements: Mapping[str, str] = {}
    ):
        self.folder = folder
        self.port, self.plain_port = free_port(), free_port()
        (folder / "cert.pem").write_text(certificate.certificate)
        (folder / "key.pem").write_text(certificate.key)
        text = SHIPPED.read_text()
        for old, new in {
            "listen 80;": f"listen {LOOPBACK}:{self.plain_port};",
            "listen 443 ssl;": f"listen {LOOPBACK}:{self.port} ssl;",
            "server 127.0.0.1:8069;": f"server {LOOPBACK}:{odoo_port};",
            "/etc/ssl/odoo.crt": f"{folder}/cert.pem",
            "/etc/ssl/odoo.key": f"{folder}/key.pem",
            **replacements,
        }.items():
            if old not in text:
                raise AssertionError(f"docs/nginx.conf does not hold {old!r} any more.")
            text = text.replace(old, new)
        (folder / "odoo.conf").write_text(text)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
        user = f"user {pwd.getpwuid(os.getuid()).pw_name};" if os.getuid() == 0 else ""
        main = folder / "nginx.conf"
        main.write_text(
            f"daemon off; {user} worker_processes 1; pid {folder}/nginx.pid;\n"
            f"error_log stderr info;\nevents {{ worker_connections 1024; }}\n"
            f"http {{ access_log off; {temporary}\ninclude {folder}/odoo.conf; }}\n"
        )
        argv = ["nginx", "-p", str(folder), "-c", str(main), "-e", "stderr"]
        super().__init__("nginx", argv, folder / "nginx.log")

    @property
    def url(self) -> str:
        return f"https://{LOOPBACK}:{self.port}"

    def wait_ready(self) -> None:
        self.wait_until(self._listens, START_SECONDS, "to listen")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self.port)) == 0
