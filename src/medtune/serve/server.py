"""Run the server: on the loopback interface only, until it is interrupted."""

import contextlib
import errno
import socket
import threading
from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING

import uvicorn

from medtune.artifacts import Release
from medtune.config import Run
from medtune.errors import ConfigError, MachineError
from medtune.features import BUNDLE, Reference
from medtune.progress import say
from medtune.records import Application
from medtune.serve.app import create_app, create_rules_app
from medtune.serve.rails import rails_of
from medtune.serve.record import Hear
from medtune.serve.voice import voice_of
from medtune.serve.wire import plainly

if TYPE_CHECKING:
    from medtune.llm.load import LanguageModel

LOOPBACK = "127.0.0.1"
SHUTDOWN_S = 10
"""How long a running reply may go on after an interrupt."""


def serve(
    run: Run, app: Application, lm: "LanguageModel", release: Release, hear: Hear | None = None
) -> None:
    """Answer on 127.0.0.1 until interrupted.

    `hear` puts a conversation to the model as the release does; None puts it as it is, after the
    application's instruction.

    Raises:
        GateError: The release was refused.
        MachineError: The port is in use or not allowed.
    """
    with listen(run.serve.port) as listener:
        live = _server_of(run, app, lm, release, hear)
        say(f"release {release.id} answers on {_address(listener)}/v1 (scope: {release.scope})")
        with contextlib.suppress(KeyboardInterrupt):
            live.run(sockets=[listener])


def serve_rules(run: Run, app: Application) -> None:
    """Answer CDS Hooks on 127.0.0.1 until interrupted: computed cards, no model, no release.

    Raises:
        ConfigError: The application computes no cards.
        MachineError: The port is in use or not allowed.
    """
    if not app.hooks:
        raise ConfigError(f"app: {app.name} has no CDS Hooks service, so there is nothing to serve")
    with listen(run.serve.port) as listener:
        live = server(create_rules_app(run, app.hooks))
        say(f"the rules of {app.name} answer on {_address(listener)}/cds-services (no model)")
        with contextlib.suppress(KeyboardInterrupt):
            live.run(sockets=[listener])


@contextlib.contextmanager
def serving(
    run: Run, app: Application, lm: "LanguageModel", release: Release, hear: Hear | None = None
) -> Generator[str]:
    """The same server in a thread of this process, on a free port, while the block runs.

    Gives its address, such as "http://127.0.0.1:41337".
    """
    with listen(0) as listener:
        live = _server_of(run, app, lm, release, hear)
        thread = threading.Thread(target=live.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield _address(listener)
        finally:
            live.should_exit = True
            thread.join()


def _server_of(
    run: Run, app: Application, lm: "LanguageModel", release: Release, hear: Hear | None
) -> uvicorn.Server:
    reference = Reference.load(run.out / BUNDLE)
    return server(
        create_app(
            run,
            release,
            voice_of(run, lm),
            labels=reference.labels if app.choices else (),
            hear=hear or partial(plainly, reference.instruction),
            rails=rails_of(app),
        )
    )


def _address(listener: socket.socket) -> str:
    return f"http://{LOOPBACK}:{listener.getsockname()[1]}"


def server(app: object) -> uvicorn.Server:
    """A server that logs warnings only: an access log would be a second, unguarded journal."""
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    return uvicorn.Server(config)


def listen(port: int) -> socket.socket:
    """A listening socket on loopback; port 0 takes a free one.

    Raises:
        MachineError: The port is in use or not allowed.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen()
    except OSError as error:
        listener.close()
        what = "is in use" if error.errno == errno.EADDRINUSE else f"failed: {error.strerror}"
        raise MachineError(
            f"serve.port: port {port} on {LOOPBACK} {what}; set serve.port to another, or to 0 for "
            "a free one"
        ) from None
    return listener
