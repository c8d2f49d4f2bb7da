"""A Postfix and a Dovecot of a test's own, as ordinary programs on loopback:

    with Postfix(tmp_path, "relay_domains = training.example\n") as postfix: …
    with Dovecot() as dovecot: …

Postfix's master wants to be root and Dovecot wants not to be: the one runs under Debian's fakeroot, whoever we are, the other as nobody when we are root.
"""

from __future__ import annotations

import contextlib
import ctypes
import imaplib
import os
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
from pathlib import Path

import psutil

from . import databases, debian, postgres
from .product import poll

CERTIFICATE = Path(__file__).parents[1] / "mail" / "localhost.pem"
QUEUES = (
    "active",
    "bounce",
    "corrupt",
    "defer",
    "deferred",
    "flush",
    "hold",
    "incoming",
    "maildrop",
    "pid",
    "private",
    "public",
    "saved",
    "trace",
)
MAIN = """\
compatibility_level = 3.6
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
config_directory = {folder}
meta_directory = {folder}
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = {programs}/usr/sbin
daemon_directory = {programs}/usr/lib/postfix/sbin
shlib_directory = {programs}/usr/lib/postfix
mail_owner = daemon
setgid_group = mail
default_privs = nobody
import_environment = MAIL_CONFIG LD_LIBRARY_PATH LD_PRELOAD FAKEROOTKEY
export_environment = PATH
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.postfix.example
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
default_transport = {default}
minimal_backoff_time = 1s
maximal_backoff_time = 1s
queue_run_delay = 1s
transport_retry_time = 1s
"""
MASTER = """\
{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
CONF = """\
base_dir = {folder}/run
state_dir = {folder}/state
libexec_dir = {programs}/usr/lib/dovecot
mail_plugin_dir = {programs}/usr/lib/dovecot/modules
import_environment = LD_LIBRARY_PATH
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/certificate.pem
disable_plaintext_auth = no
auth_failure_delay = 0
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
mail_location = maildir:{folder}/mail/%u
imap_capability = {capability}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/mail/%u
}}
"""


def free_port() -> int:
    """A port on loopback that nobody listens at just now."""
    with contextlib.closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class _Server:
    """A program that is started, answers at `port`, and is ended with all that it started."""

    port: int
    log: Path
    process: subprocess.Popen

    def _spawn(self, command: list, folder: Path, **more) -> None:
        with self.log.with_suffix(".out").open("ab") as out:
            self.process = subprocess.Popen(
                command, cwd=folder, stdout=out, stderr=out, start_new_session=True, preexec_fn=_die_with_parent, **more
            )
        poll(lambda: self.process.poll() is not None or _answers(self.port), self.words)
        assert self.process.poll() is None, self.words()

    def kill9(self) -> None:
        """SIGKILL to it and to all that it started, at once."""
        with contextlib.suppress(psutil.NoSuchProcess):
            master = psutil.Process(self.process.pid)
            for one in [master, *master.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
        self.process.wait()

    def words(self) -> str:
        """The last it said."""
        said = [path.read_text(errors="replace")[-3000:] for path in (self.log.with_suffix(".out"), self.log) if path.exists()]
        return "\n".join([type(self).__name__, *said])


class Postfix(_Server):
    """`settings` are further lines of main.cf, `services` of master.cf; `default` is the transport of every domain that they do not route."""

    def __init__(self, folder: Path, settings: str, services: str = "", default: str = "error:nothing leaves this machine") -> None:
        self.folder, self.port = folder / "postfix", free_port()
        self.log = self.folder / "mail.log"
        self.programs = debian.provide()
        for name in QUEUES:
            (self.folder / "queue" / name).mkdir(parents=True)
        (self.folder / "data").mkdir()
        text = MAIN.format(folder=self.folder, programs=self.programs, default=default)
        (self.folder / "main.cf").write_text(text + settings)
        (self.folder / "master.cf").write_text(MASTER.format(port=self.port) + services)

    @property
    def url(self) -> str:
        """As SMTP_URL."""
        return f"smtp://127.0.0.1:{self.port}?tls=none"

    def __enter__(self) -> Postfix:
        libraries = _libraries(self.programs, "usr/lib/postfix")
        faked = subprocess.run([self.programs / "usr/bin/faked-sysv"], stdout=subprocess.PIPE, text=True, check=True).stdout
        key, _, pid = faked.strip().partition(":")
        self._faked = int(pid)
        environment = {
            "PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": libraries, "FAKEROOTKEY": key, "MAIL_CONFIG": str(self.folder),
            "LD_PRELOAD": str(self.programs / "usr/lib/x86_64-linux-gnu/libfakeroot/libfakeroot-sysv.so"),
        }  # fmt: skip
        try:
            self._spawn([self.programs / "usr/lib/postfix/sbin/master", "-c", self.folder, "-d"], self.folder, env=environment)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if hasattr(self, "process"):
            self.kill9()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._faked, signal.SIGTERM)

    def send(self, raw: bytes, sender: str, to: str) -> None:
        """Hand a message over, as the world's servers do."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as smtp:
            assert smtp.sendmail(sender, [to], raw) == {}


class Dovecot(_Server):
    """Everybody's password is "secret". `kill9` and `start` again at will; `idle=False` has it not offer IDLE."""

    def __init__(self, *, idle: bool = True) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dovecot-", dir=databases._folder()))
        self.folder.chmod(0o755)
        self.log = self.folder / "log"
        self.port, self.tls_port = free_port(), free_port()
        self.identity = postgres._identity()
        self.programs = debian.provide()
        if self.identity:
            # nobody may not look into root's home
            self.programs = Path(shutil.copytree(self.programs, self.folder / "programs", symlinks=True, ignore=_not_dovecots))
        user, group = ("nobody", "nogroup") if self.identity else (str(os.geteuid()), str(os.getegid()))
        shutil.copyfile(CERTIFICATE, self.folder / "certificate.pem")
        (self.folder / "run").mkdir()
        (self.folder / "run" / "usr").symlink_to(self.programs / "usr")
        values = {
            "folder": self.folder,
            "programs": self.programs,
            "user": user,
            "group": group,
            "port": self.port,
            "tls_port": self.tls_port,
        }
        (self.folder / "dovecot.conf").write_text(CONF.format(capability="" if idle else "IMAP4rev1 STARTTLS", **values))
        for path in [self.folder, *self.folder.glob("*"), *self.folder.glob("run/**/*")]:
            if self.identity and path.name != "programs" and not path.is_symlink():
                os.chown(path, self.identity["user"], self.identity["group"])

    def url(self, user: str = "training", folder: str = "INBOX") -> str:
        """As IMAP_URL, over TLS."""
        return f"imaps://{user}:secret@localhost:{self.tls_port}/{folder}"

    def __enter__(self) -> Dovecot:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill9()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Start it (again)."""
        (self.folder / "run" / "master.pid").unlink(missing_ok=True)
        environment = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": _libraries(self.programs, "usr/lib/dovecot")}
        command = [self.programs / "usr/sbin/dovecot", "-F", "-c", self.folder / "dovecot.conf"]
        self._spawn(command, self.folder / "run", env=environment, **self.identity)

    @contextlib.contextmanager
    def mailbox(self, user: str = "training"):
        """A connection as somebody's mail program has it."""
        with imaplib.IMAP4("127.0.0.1", self.port, timeout=20) as client:
            client.login(user, "secret")
            yield client

    def deliver(self, *messages: bytes, user: str = "training", folder: str = "INBOX", flags: str = "") -> None:
        """Put messages into a folder."""
        with self.mailbox(user) as client:
            for raw in messages:
                done, said = client.append(folder, flags, None, raw)
                assert done == "OK", said

    def unread(self, user: str = "training", folder: str = "INBOX") -> int:
        """How many messages there are marked as not read."""
        with self.mailbox(user) as client:
            client.select(folder, readonly=True)
            return len(client.search(None, "UNSEEN")[1][0].split())


def _libraries(programs: Path, own: str) -> str:
    return ":".join(str(programs / part) for part in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", own))


def _not_dovecots(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name in ("postfix", "etc", "var") or name.startswith("libicu")]


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as connection:
        connection.settimeout(5)
        return bool(connection.recv(1))
    return False


def _die_with_parent() -> None:
    """Linux: no server is left behind by a test run that was killed."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)
