"""What all commands have in common: logging, errors, exit codes."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from typing import TYPE_CHECKING

from airflow_provider_integrator.api.texts import fit_body
from airflow_provider_integrator.exceptions import IntegratorError, UnavailableError

if TYPE_CHECKING:
    from airflow_provider_integrator.cli.definition import Command

#: The exit code of a command that could not do its work; 1 is that of an answer such as "this flow is stale".
ERROR = 2
INTERRUPTED = 130
BROKEN_PIPE = 141

_PACKAGE = "airflow_provider_integrator"


def run(command: Command, options: argparse.Namespace) -> int:
    """Run a command, with a line on stderr for an error.

    :param command: The command.
    :param options: Its arguments.
    :return: The exit code.
    """
    try:
        function = command.load()
        log_to_stderr()
        code = function(options)
        sys.stdout.flush()
    except UnavailableError as error:
        return _end(f"{command.name}: {error} See airflow-integrator doctor.", ERROR)
    except IntegratorError as error:
        return _end(f"{command.name}: {error}", ERROR)
    except KeyboardInterrupt:
        return _end(f"{command.name}: interrupted.", INTERRUPTED)
    except BrokenPipeError:  # of a reader such as head, which has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:  # of stdout
        return _end(f"{command.name}: {fit_body(str(error))}", ERROR)
    return code


def log_to_stderr() -> None:
    """Log this package's messages alone, and to stderr: Airflow's handlers write to stdout, where the output is."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(logging.Filter(_PACKAGE))
    logging.getLogger().handlers = [handler]
    logging.getLogger(_PACKAGE).setLevel(logging.INFO)


def _end(message: str, code: int) -> int:
    sys.stderr.write(f"{message}\n")
    return code
