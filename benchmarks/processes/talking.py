"""How a process of its own talks to the benchmark that started it: one JSON line in, one JSON line out."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

Answer = Callable[[dict[str, Any]], dict[str, Any]]


def answer_requests(answer: Answer) -> None:
    """Answer until there are no more requests.

    :param answer: Makes the answer to a request. What it prints goes to the standard error.
    """
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        for line in sys.stdin:
            answers.write(json.dumps(answer(json.loads(line))) + "\n")
            answers.flush()
