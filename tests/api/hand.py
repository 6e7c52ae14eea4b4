"""A transport played by hand, so that what decides is tested without a network."""

from __future__ import annotations

from airflow_provider_integrator.api import endpoints
from airflow_provider_integrator.api.endpoints import LogQuery
from airflow_provider_integrator.api.exchange import (
    Answer,
    NeedToken,
    Pause,
    Retry,
    Send,
    Token,
    exchange,
)

LOGS = endpoints.list_logs(LogQuery("project-1", "flow-1"))


FLOWS = endpoints.list_flows("project-1")


DOWNLOAD = endpoints.download_log("17", "project-1", "acme", "flow-1", lambda: None)


LOGIN = endpoints.log_in("u@example.com", "let-me-in")


PASSWORD, TOKEN = "let-me-in", "secret-token"


RETRY = Retry(attempts=3, first_delay=1.0, max_delay=4.0, max_total=60.0)


def answer(status, text="", value=None, **headers):
    return Answer(status, {name.replace("_", "-"): said for name, said in headers.items()}, text, value)


class Hand:
    """Plays the transport: hands out tokens, sends one outcome after the other, keeps a clock."""

    def __init__(
        self, *outcomes, tokens=("token-1", "token-2", "token-3", "token-4"), seconds_each=0.0, age=0.0
    ):
        self.outcomes = list(outcomes)
        self.tokens = list(tokens)
        self.now = 0.0
        self.seconds_each = seconds_each
        self.age = age
        self.sent, self.asked, self.pauses = [], [], []

    def clock(self):
        return self.now

    def carry(self, effect):
        if isinstance(effect, NeedToken):
            self.asked.append(effect.stale)
            return Token(self.tokens.pop(0), self.now - self.age)
        if isinstance(effect, Pause):
            self.pauses.append(effect.seconds)
            self.now += effect.seconds
            return None
        assert isinstance(effect, Send)
        self.sent.append((effect.call.name, effect.token))
        self.now += self.seconds_each
        return self.outcomes.pop(0)

    def drive(self, effects):
        try:
            effect = next(effects)
            while True:
                effect = effects.send(self.carry(effect))
        except StopIteration as stop:
            return stop.value

    def do(self, call, retry=RETRY):
        return self.drive(exchange(call, retry, self.clock))
