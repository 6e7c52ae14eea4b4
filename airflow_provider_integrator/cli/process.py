"""What all commands have in common: the hook, logging, errors, exit codes."""

from __future__ import annotations

import logging
import os
import sys
from argparse import Namespace
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from airflow_provider_integrator.api.texts import fit_body
from airflow_provider_integrator.exceptions import IntegratorError, UnavailableError

if TYPE_CHECKING:
    from airflow_provider_integrator.cli.definition import Command
    from airflow_provider_integrator.hooks.integrator import IntegratorHook

#: The exit code of a command that could not do its work; 1 is that of an answer such as "this flow is stale".
ERROR = 2
INTERRUPTED = 130
BROKEN_PIPE = 141

_PACKAGE = "airflow_provider_integrator"


def run(command: Command, options: Namespace) -> int:
    """Run a command, with a line on stderr for an error.

    :param command: The command.
    :param options: Its arguments.
    :return: The exit code.
    """
    name = command.name
    try:
        from airflow_provider_integrator.cli.connection import CommandHook

        module = import_module(f"{__package__}.{command.module}")
        # It takes the connection's hook and the arguments, and returns its exit code; None: 0.
        function: Callable[[IntegratorHook, Namespace], int | None] = getattr(module, name)
        _log_to_stderr()
        with CommandHook(options.conn_id) as hook:
            code = function(hook, options) or 0
        sys.stdout.flush()
    except UnavailableError as error:
        return _end(f"{name}: {error} See airflow-integrator doctor.", ERROR)
    except IntegratorError as error:
        return _end(f"{name}: {error}", ERROR)
    except KeyboardInterrupt:
        return _end(f"{name}: interrupted.", INTERRUPTED)
    except BrokenPipeError:  # of a reader such as head, which has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:  # of stdout
        return _end(f"{name}: {fit_body(str(error))}", ERROR)
    return code


def _log_to_stderr() -> None:
    """Log this package's messages alone, and to stderr: Airflow's handlers write to stdout, where the output is."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(logging.Filter(_PACKAGE))
    logging.getLogger().handlers = [handler]
    logging.getLogger(_PACKAGE).setLevel(logging.INFO)


def _end(message: str, code: int) -> int:
    sys.stderr.write(f"{message}\n")
    return code
