"""Real servers in groups, for tests: a watched primary with replicas, and a cluster."""

import contextlib
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import time

import pytest
import redis

from hedger.store import access, embedded

HOST = "127.0.0.1"
BASE = {"bind": HOST, "save": "", "maxmemory-policy": "noeviction", "loglevel": "warning"}


PORTS = range(11_000, 20_000)
"""Below what the system hands out by itself, as is a cluster's bus, 10,000 above."""


def free_port():
    """A port that nobody else is given before a server listens on it."""
    while True:
        port = secrets.choice(PORTS)
        with contextlib.suppress(OSError):
            for one in (port, port + 10_000):
                with socket.socket() as probe:
                    probe.bind((HOST, one))
            return port


def client(port, **options):
    return redis.Redis(HOST, port, socket_timeout=2, decode_responses=True, **options)


def until(condition, what, within_s=20.0):
    end = time.monotonic() + within_s
    while True:
        with contextlib.suppress(redis.RedisError, OSError):
            if condition():
                return
        assert time.monotonic() < end, f"not in {within_s:g} s: {what}"
        time.sleep(0.05)


class Group:
    """Processes of the server program that end with the `with` block."""

    def __init__(self, folder):
        self._folder = pathlib.Path(folder)
        self.running = {}
        self._environ = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.running.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
        for process in self.running.values():
            process.wait(10)

    def start(self, port, *flags, environ=None, **options):
        """One server on a port; options with dashes as underscores."""
        self._environ[port] = environ
        folder = self._folder / str(port)
        folder.mkdir(exist_ok=True)
        named = {name.replace("_", "-"): str(value) for name, value in options.items()}
        lines = [f"{name} {value or chr(34) * 2}" for name, value in (BASE | named).items()]
        file = folder / "server.conf"
        file.write_text("\n".join([f"port {port}", f"dir {folder}", *lines, *flags]) + "\n")
        self.run(port, file)

    def watch(self, port, text):
        """One Sentinel."""
        folder = self._folder / str(port)
        folder.mkdir(exist_ok=True)
        file = folder / "sentinel.conf"
        file.write_text(f"port {port}\nbind {HOST}\ndir {folder}\nloglevel warning\n{text}")
        self.run(port, file, "--sentinel")

    def run(self, port, file, *flags):
        """Start the program on a configuration, or start it again."""
        with open(file.parent / "log", "ab") as log:
            self.running[port] = subprocess.Popen(
                [embedded.server_program(), str(file), *flags],
                stdout=log,
                stderr=log,
                env=_environ(self._environ.get(port)),
            )
        until(lambda: client(port).ping(), f"server on {port} answers")

    def again(self, port):
        """Start a server that was killed."""
        self.run(port, self._folder / str(port) / "server.conf")

    def kill(self, port):
        self.running[port].kill()
        self.running[port].wait(10)

    def signal(self, port, number):
        self.running[port].send_signal(number)


def _environ(more):
    """The environment of a server; None is our own."""
    return None if more is None else {**os.environ, **more}


@contextlib.contextmanager
def watched(folder, *, replicas=2, sentinels=3, down_ms=1_000, **options):
    """A primary, replicas and Sentinels; yields group, address, and the ports of both kinds."""
    with Group(folder) as group:
        ports = [free_port() for _ in range(1 + replicas)]
        for port in ports:
            group.start(port, appendonly="yes", repl_diskless_sync_delay=0, **options)
        for port in ports[1:]:
            client(port).replicaof(HOST, ports[0])
        primary = client(ports[0])
        until(lambda: primary.info("replication")["connected_slaves"] == replicas, "replicas")
        eyes = [free_port() for _ in range(sentinels)]
        quorum = sentinels // 2 + 1
        for port in eyes:
            group.watch(
                port,
                f"sentinel monitor desk {HOST} {ports[0]} {quorum}\n"
                f"sentinel down-after-milliseconds desk {down_ms}\n"
                "sentinel failover-timeout desk 3000\n",
            )

        def together():
            seen = [client(port).execute_command("SENTINEL MASTER desk") for port in eyes]
            return all(
                int(one["num-other-sentinels"]) == sentinels - 1
                and int(one["num-slaves"]) == replicas
                for one in map(_pairs, seen)
            )

        until(together, "Sentinels know one another")
        address = ",".join(f"{HOST}:{port}" for port in eyes)
        yield group, f"sentinel://{address}/desk", ports, eyes


def _pairs(reply):
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))


def primary_port(eyes):
    """Whom the Sentinels name now."""
    for port in eyes:
        with contextlib.suppress(redis.RedisError, OSError):
            return int(client(port).execute_command("SENTINEL GET-MASTER-ADDR-BY-NAME desk")[1])
    raise AssertionError("no Sentinel answers")


@contextlib.contextmanager
def cluster(folder, *, primaries=3, replicas=0):
    """A cluster; yields group, address and ports, primaries first."""
    with Group(folder) as group:
        ports = [free_port() for _ in range(primaries * (1 + replicas))]
        for port in ports:
            group.start(
                port,
                appendonly="yes",
                cluster_enabled="yes",
                cluster_node_timeout=1_000,
                cluster_port=free_port(),
                repl_diskless_sync_delay=0,
            )
        buses = {p: client(p).config_get("cluster-port")["cluster-port"] for p in ports}
        for number, port in enumerate(ports[:primaries]):
            first, after = (16_384 * n // primaries for n in (number, number + 1))
            client(port).execute_command("CLUSTER ADDSLOTSRANGE", first, after - 1)
        for port in ports[1:]:
            client(ports[0]).execute_command("CLUSTER MEET", HOST, port, buses[port])
        count = len(ports)
        until(lambda: all(_known(p) == count for p in ports), "nodes know one another")
        for number, port in enumerate(ports[primaries:]):
            name = client(ports[number % primaries]).execute_command("CLUSTER MYID")
            until(lambda p=port, n=name: client(p).execute_command("CLUSTER REPLICATE", n), "copy")
        until(lambda: all(_state(p) == "ok" for p in ports), "the cluster is whole")
        yield group, "cluster://" + ",".join(f"{HOST}:{p}" for p in ports), ports


def _info(port):
    reply = client(port).execute_command("CLUSTER INFO")
    if isinstance(reply, dict):
        return reply
    return dict(line.split(":", 1) for line in reply.split("\r\n") if ":" in line)


def _known(port):
    return int(_info(port)["cluster_known_nodes"])


def _state(port):
    return _info(port)["cluster_state"]


@contextlib.contextmanager
def guarded(folder, deployment):
    """A server with TLS and one user, who may do what the documented rule says; yields its URL."""
    program = shutil.which("redis-server")
    if program is None or shutil.which("openssl") is None:
        pytest.skip("needs redis-server with TLS, and openssl")
    home = pathlib.Path(folder)
    _certificate(home)
    port = free_port()
    rule = access.rule("d").replace("~d:", f"~{deployment}:")
    text = f"""port 0
tls-port {port}
bind {HOST}
dir {home}
save ""
maxmemory-policy noeviction
tls-cert-file {home}/server.crt
tls-key-file {home}/server.key
tls-ca-cert-file {home}/server.crt
tls-auth-clients no
user default off
user hedger on >secret {rule}
"""
    (home / "server.conf").write_text(text)
    process = subprocess.Popen(
        [program, str(home / "server.conf")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    url = f"rediss://hedger:secret@localhost:{port}?ssl_ca_certs={home}/server.crt"
    try:
        peer = redis.Redis.from_url(url.replace("localhost", HOST), ssl_check_hostname=False)
        until(lambda: peer.info("server"), "the server answers over TLS")
        yield url
    finally:
        process.kill()
        process.wait(10)


def _certificate(home):
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    files = ["-keyout", str(home / "server.key"), "-out", str(home / "server.crt")]
    name = ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command.split(), *name, *files], check=True, capture_output=True)
