"""Prints a playbook's progress as JSON, one object a line: `lab up` reads it."""

import json
import time

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: chatlab
type: stdout
short_description: progress as one JSON object a line
description:
  - One object for each task that ended on a host, and one with the recap at the end.
  - Results of tasks with C(no_log) are censored by Ansible before they come here.
"""

DETAIL_LINES = 12


class CallbackModule(CallbackBase):
    """Events: ok, failed, unreachable, stats."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "chatlab"

    def __init__(self):
        super().__init__()
        self._began = {}

    @staticmethod
    def _emit(**event):
        print(json.dumps(event), flush=True)

    def v2_runner_on_start(self, host, task):
        self._began[(host.get_name(), task._uuid)] = time.monotonic()

    def v2_runner_on_ok(self, result):
        self._ended("ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._ended("ok" if ignore_errors else "failed", result)

    def v2_runner_on_unreachable(self, result):
        self._ended("unreachable", result)

    def _ended(self, event, result):
        host, task = result._host.get_name(), result._task
        now = time.monotonic()
        began = self._began.pop((host, task._uuid), now)
        values = result._result
        failed = event != "ok"
        self._emit(
            event=event,
            host=host,
            task=task.get_name().strip(),
            tags=list(task.tags),
            changed=bool(values.get("changed")),
            seconds=round(now - began, 3),
            message=self._reason(values) if failed else "",
            detail=self._detail(values) if failed else [],
        )

    @staticmethod
    def _failures(values):
        """The items of a loop that failed, or the result itself."""
        items = [v for v in values.get("results", []) if isinstance(v, dict) and v.get("failed")]
        return items or [values]

    def _reason(self, values):
        for item in self._failures(values):
            text = item.get("msg") or item.get("censored") or item.get("stderr") or "it failed"
            lines = [line for line in str(text).splitlines() if line.strip()]
            if lines:
                return lines[0]
        return "it failed"

    def _detail(self, values):
        lines = []
        for item in self._failures(values):
            for key in ("msg", "stdout", "stderr", "module_stderr"):
                lines += [line for line in str(item.get(key) or "").splitlines() if line.strip()]
        return lines[-DETAIL_LINES:]

    def v2_playbook_on_stats(self, stats):
        hosts = sorted(stats.processed)
        self._emit(event="stats", stats={h: stats.summarize(h) for h in hosts})
