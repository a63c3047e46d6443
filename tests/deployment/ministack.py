"""MiniStack, a third-party AWS emulator: one process on free ports with a temporary folder."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [ROOT / ".tools/ministack/bin/python", ROOT / "tests/deployment/emulator/server.py"]
REGION = "eu-central-1"
# An answer or a tick that is later than this is reported when the suite fails.
LATE_SECONDS = 3


def free_ports(count: int) -> list[int]:
    """Distinct free ports."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Watcher(threading.Thread):
    """Asks the emulator each second whether it answers, and notes when it does not and when the machine itself paused,
    so that a failure of the machine or of the emulator can be told from a failure of Pushgate."""

    def __init__(self, url: str, process: subprocess.Popen) -> None:
        super().__init__(daemon=True)
        self.notes: list[str] = []
        self._health = f"{url}/_ministack/health"
        self._process = process

    def run(self) -> None:
        while self._process.poll() is None:
            before = time.monotonic()
            time.sleep(1)
            if (paused := time.monotonic() - before - 1) > LATE_SECONDS:
                self._note(f"the machine paused for {paused:.1f} s")
            asked = time.monotonic()
            try:
                with urllib.request.urlopen(self._health, timeout=LATE_SECONDS):
                    pass
            except OSError as error:
                if self._process.poll() is None:
                    self._process.send_signal(signal.SIGUSR1)
                    self._note(f"the emulator did not answer for {time.monotonic() - asked:.1f} s: {error}")

    def _note(self, text: str) -> None:
        self.notes.append(f"{time.strftime('%H:%M:%S')} {text}")


class MiniStack:
    """A running emulator. It enforces IAM, so a function can do exactly what its role grants."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pushgate-emulator-"))
        self.port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self.folder / "ministack.log"
        self.process: subprocess.Popen | None = None
        self._watcher: Watcher | None = None

    def environment(self) -> dict[str, str]:
        """The environment of a client, without the developer's own credentials and profiles."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return kept | {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAM_CLI_TELEMETRY": "0",
        }

    def __enter__(self) -> "MiniStack":
        environment = self.environment() | {
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "false",
            "LOG_LEVEL": "WARNING",
            "MINISTACK_HOST": "localhost",
            "MINISTACK_REGION": REGION,
            "SFTP_ENABLED": "0",
            "STATE_DIR": str(self.folder / "state"),
            "TMPDIR": str(self.folder),
        }
        with self.log.open("wb") as log:
            # In a session of its own, so that the functions are killed with it.
            self.process = subprocess.Popen(
                PROGRAM, cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self._wait_until_ready()
            self._watcher = Watcher(self.url, self.process)
            self._watcher.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait_until_ready(self) -> None:
        started = time.monotonic()
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                if self.process.poll() is not None or time.monotonic() - started > 60:
                    raise SystemExit(f"MiniStack does not start:\n{self.log.read_text()}") from None
                time.sleep(0.1)

    def pauses(self) -> str:
        """When the machine or the emulator stood still."""
        notes = self._watcher.notes if self._watcher else []
        return "\n".join(notes or ["No pause of the machine or the emulator"])

    def __exit__(self, *_) -> None:
        if self.process:
            for each in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(self.process.pid, each)
                    self.process.wait(timeout=10)
                except ProcessLookupError:
                    break
                except subprocess.TimeoutExpired:
                    continue
        shutil.rmtree(self.folder, ignore_errors=True)
