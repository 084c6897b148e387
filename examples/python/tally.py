"""A run in the log of Tallystick, out of Python, with nothing but the standard library.

    import tally

    with tally.run(agent="reporter") as run:
        run.user_message("how did we sell in May?")
        with run.act("sales.query", {"month": "2026-05"}) as act:
            act.output = {"sum": 1250}

TALLY_URL says where the recorder is (`tally up` prints it; http://127.0.0.1:7700 where nothing does), TALLY_AGENT_TOKEN
who this is. Copy this file into your project: the API it talks to is spec/api.md.
"""

import json
import os
import secrets
import time
import urllib.error
import urllib.request

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ulid():
    """48 bits of milliseconds and 80 random ones, in Crockford's base 32."""
    number = (int(time.time() * 1000) << 80) | secrets.randbits(80)
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


class Stopped(Exception):
    """The policy stops the action: nothing of it was done. `reason` is a code of spec/policy.md."""

    def __init__(self, name, answer):
        decision = answer.get("decision", {})
        self.reason = decision.get("reason")
        self.decision_id = answer.get("id")
        super().__init__(f"{name} is stopped: {decision.get('message') or self.reason}")


class ApprovalPending(Stopped):
    """A person has to say yes first; do the same again afterwards."""

    def __init__(self, name, answer):
        super().__init__(name, answer)
        self.approval_id = answer.get("approval_id")


class Unavailable(Exception):
    """Nothing could be recorded, so nothing may be done."""


class Client:
    def __init__(self, url=None, token=None, timeout=10):
        self.url = (url or os.environ.get("TALLY_URL") or "http://127.0.0.1:7700").rstrip("/")
        self.token = token or os.environ.get("TALLY_RUN_TOKEN") or os.environ.get("TALLY_AGENT_TOKEN")
        self.timeout = timeout

    def ask(self, path, body):
        """The answer's status and body. Anything but a 200 is no permission."""
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        # No proxy: the recorder is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=self.timeout) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError as error:
            raise Unavailable(f"{self.url} does not answer: {error}") from error

    def events(self, events):
        """Each has an id, so whoever is not sure that they came sends them again."""
        for attempt in (1, 2, 3):
            try:
                status, body = self.ask("/v1/events", {"events": events})
            except Unavailable:
                if attempt == 3:
                    raise
                time.sleep(0.2 * attempt)
                continue
            if status != 200:
                raise Unavailable(f"{status}: {body['error']['message']}")
            for result in body["results"]:
                if result["status"] != 200:
                    raise ValueError(result["body"]["error"]["message"])
            return body["results"]


class Run:
    def __init__(self, agent, workflow=None, metadata=None, client=None):
        self.client = client or Client()
        self.agent = agent
        # In a run of `tally run` this is part of it; otherwise it has a name of its own.
        self.inside = os.environ.get("TALLY_RUN_ID") if os.environ.get("TALLY_RUN_TOKEN") else None
        self.id = self.inside or f"run_{ulid()}"
        self.steps = 0
        self.parent = None
        self.about = {**({"workflow_name": workflow} if workflow else {}), **({"about": metadata} if metadata else {})}

    def _event(self, type, phase="point", step=None, parent=None, **more):
        parent = parent or self.parent
        event = {"id": f"log_{ulid()}", "type": type, "phase": phase, "run_id": self.id, **more}
        if phase != "post_exec":
            event["actor"] = {"agent_id": self.agent}
        if step:
            event["step_id"] = step
        if parent:
            event["parent_id"] = parent
        self.client.events([event])
        return event["id"]

    def _step(self):
        self.steps += 1
        return str(self.steps)

    def __enter__(self):
        self.started = time.monotonic()
        if not self.inside:
            self.parent = self._event("run.start", **({"metadata": self.about} if self.about else {}))
        return self

    def __exit__(self, kind, error, trace):
        if self.inside:
            return False
        outcome = {"status": "ok" if error is None else "error", "duration_ms": _since(self.started), **_failure(error)}
        self._event("run.end", outcome=outcome)
        return False

    def _said(self, type, content, kind):
        return self._event(type, step=self._step(), payload=_payload(kind, content))

    def user_message(self, content):
        return self._said("user.message", content, "prompt")

    def system_instruction(self, content):
        return self._said("system.instruction", content, "prompt")

    def model(self, model, input=None, provider=None):
        """`with run.model("m", messages) as call: call.output = …; call.usage = {"input_tokens": 3}`"""
        metadata = {"model": model, **({"provider": provider} if provider else {})}
        return _Told(self, "model.call", "model.response", model, input, "prompt", metadata)

    def tool(self, name, args=None):
        """A tool that is only told of. What has to be allowed first is `act`."""
        return _Told(self, "tool.call", "tool.result", name, args, "arguments", None)

    def act(self, name, args=None, reason=None):
        """Decided and recorded before the block is entered; how it ended is recorded behind it."""
        return _Act(self, name, args, reason)


def run(agent, workflow=None, metadata=None, client=None):
    return Run(agent, workflow, metadata, client)


class _Told:
    def __init__(self, run, type, end, name, value, kind, metadata):
        self.run, self.type, self.end, self.name = run, type, end, name
        self.value, self.kind, self.metadata = value, kind, metadata
        self.output = self.usage = None

    def __enter__(self):
        self.step = self.run._step()
        more = {"action": {"name": self.name}}
        if self.type == "tool.call":
            more["action"]["tool"] = {"name": self.name}
        if self.value is not None:
            more["payload"] = _payload(self.kind, self.value)
        if self.metadata:
            more["metadata"] = self.metadata
        self.id = self.run._event(self.type, "pre_exec", self.step, **more)
        self.started = time.monotonic()
        return self

    def __exit__(self, kind, error, trace):
        outcome = {"status": "ok" if error is None else "error", "duration_ms": _since(self.started), **_failure(error)}
        if self.usage:
            outcome["usage"] = self.usage
        more = {} if self.output is None else {"payload": _payload("result", self.output)}
        self.run._event(self.end, "post_exec", self.step, self.id, outcome=outcome, **more)
        return False


class _Act:
    def __init__(self, run, name, args, reason):
        self.run, self.name, self.args, self.reason = run, name, args, reason
        self.output = None

    def __enter__(self):
        wanted = {"action": {"name": self.name, "tool": {"name": self.name}}, "step_id": self.run._step()}
        if not self.run.inside:
            wanted["run_id"] = self.run.id
        if not self.run.client.token:
            wanted["agent_id"] = self.run.agent
        if self.run.parent:
            wanted["parent_id"] = self.run.parent
        if self.args is not None:
            wanted["args"] = self.args
        if self.reason:
            wanted["reason"] = self.reason
        status, answer = self.run.client.ask("/v1/decisions", wanted)
        if status != 200:
            raise Unavailable(f"{status}: {answer['error']['message']}")
        if not answer["proceed"]:
            waits = answer["decision"]["outcome"] == "approval_required"
            raise (ApprovalPending if waits else Stopped)(self.name, answer)
        self.id = answer["id"]
        self.started = time.monotonic()
        return self

    def __exit__(self, kind, error, trace):
        outcome = {"status": "ok" if error is None else "error", "duration_ms": _since(self.started), **_failure(error)}
        report = {"decision_id": self.id, "id": f"log_{ulid()}", "outcome": outcome}
        status, answer = self.run.client.ask("/v1/outcomes", report)
        # What was done is done: whoever waits for its result must not lose it because its end could not be told.
        if status != 200 and error is None:
            print(f"warning: the end of {self.name} is not in the log: {answer['error']['message']}")
        return False


def _payload(kind, value):
    if isinstance(value, str):
        return {"media_type": "text/plain", "class": kind, "data": value[:100_000]}
    return {"media_type": "application/json", "class": kind, "data": json.dumps(value, default=str)[:100_000]}


def _since(started):
    return round((time.monotonic() - started) * 1000, 3)


def _failure(error):
    return {} if error is None else {"error_kind": type(error).__name__, "error": str(error)[:500]}
