"""Tests of run.py against a small server that answers as the suite's REST API does.

    python3 -m unittest discover -s conformance
"""

import io
import json
import os
import sys
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from unittest import mock
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent))
import run  # noqa: E402

ENVIRONMENT = {name: f"value-of-{name}" for name in run.PLACEHOLDERS} | {
    "ISSUER": "https://provider.test:9443"
}


class FakeSuite(BaseHTTPRequestHandler):
    """Creates what is asked for, and lets each module pass through the states in `script`."""

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server = self.server
        server.calls.append((url.path, query, self.headers.get("Authorization")))
        if url.path == "/api/plan":
            server.config = json.loads(body)
            modules = [{"testModule": name, "variant": {"v": "1"}} for name in server.script]
            self.answer(201, {"id": "plan-1", "name": query["planName"], "modules": modules})
        elif url.path == "/api/runner":
            if server.refuses == query["test"]:
                return self.answer(500, {"error": "out of order"})
            server.left[query["test"]] = list(server.script[query["test"]])
            self.answer(201, {"id": query["test"]})
        else:
            module = url.path.removeprefix("/api/runner/")
            server.left[module] = [("FINISHED", "PASSED")]
            self.answer(200, {})

    def do_GET(self):
        kind, _, module = self.path.removeprefix("/api/").partition("/")
        if kind == "log":
            return self.answer(200, [
                {"result": "SUCCESS", "src": "Fine", "msg": "fine"},
                {"result": "FAILURE", "src": "CheckSomething", "msg": "it is wrong"},
            ])
        left = self.server.left[module]
        status, result = left.pop(0) if len(left) > 1 else left[0]
        self.answer(200, {"status": status, "result": result})

    def log_message(self, *_):
        pass


class RunTest(unittest.TestCase):
    def run_plan(self, script, modules, *arguments, refuses=None):
        """Runs the plan `basic` with `modules` expected; returns exit code and output."""
        server = HTTPServer(("127.0.0.1", 0), FakeSuite)
        server.script, server.left, server.calls = script, {}, []
        server.refuses, server.config = refuses, None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.server = server
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        real = json.loads((run.HERE / "expected.json").read_text())
        expected = {"basic": real["basic"] | {"modules": modules}}
        base = f"http://127.0.0.1:{server.server_port}"
        out = io.StringIO()
        argv = ["--suite", base, "--interval", "0", "--timeout", "2", *arguments, "basic"]
        environment = ENVIRONMENT | {"CONFORMANCE_TOKEN": "t"}
        with mock.patch.dict(os.environ, environment, clear=False):
            with mock.patch.object(run.json, "loads", side_effect=self.loads(expected)):
                code = run.main(argv, out)
        return code, out.getvalue()

    @staticmethod
    def loads(expected):
        """`json.loads`, but for the file of expected results."""
        real = json.loads

        def loads(text, *rest, **more):
            value = real(text, *rest, **more)
            return expected if isinstance(value, dict) and "form-post" in value else value

        return loads

    def test_a_plan_that_ends_as_expected_exits_0(self):
        code, out = self.run_plan(
            {
                "a": [("CREATED", None), ("RUNNING", None), ("WAITING", None),
                      ("FINISHED", "UNKNOWN"), ("FINISHED", "PASSED")],
                "b": [("FINISHED", "SKIPPED")],
            },
            {"a": {"result": "PASSED"}, "b": {"result": "SKIPPED", "reason": "on purpose"}},
        )
        self.assertEqual(code, 0, out)
        self.assertRegex(out, r"a\s+PASSED\s+PASSED")
        self.assertRegex(out, r"b\s+SKIPPED\s+SKIPPED")
        path, query, token = self.server.calls[0]
        self.assertEqual((path, token), ("/api/plan", "Bearer t"))
        self.assertEqual(query["planName"], "oidcc-basic-certification-test-plan")
        self.assertEqual(json.loads(query["variant"])["client_registration"], "static_client")
        self.assertEqual(self.server.config["client"]["client_secret"], "value-of-CLIENT_SECRET")
        self.assertEqual(json.loads(self.server.calls[1][1]["variant"]), {"v": "1"})

    def test_a_failure_exits_1_and_says_why(self):
        code, out = self.run_plan({"a": [("FINISHED", "FAILED")]}, {"a": {"result": "PASSED"}})
        self.assertEqual(code, 1)
        self.assertIn("FAILURE: CheckSomething: it is wrong", out)
        self.assertIn("log-detail.html?log=a", out)

    def test_an_expected_failure_is_a_failure_still(self):
        code, _ = self.run_plan({"a": [("FINISHED", "FAILED")]}, {"a": {"result": "FAILED"}})
        self.assertEqual(code, 1)

    def test_a_module_that_was_interrupted_failed(self):
        code, out = self.run_plan({"a": [("INTERRUPTED", None)]}, {"a": {"result": "PASSED"}})
        self.assertEqual(code, 1)
        self.assertRegex(out, r"a\s+FAILED")

    def test_a_module_that_does_not_end_is_unknown(self):
        code, out = self.run_plan(
            {"a": [("WAITING", None)]}, {"a": {"result": "PASSED"}}, "--timeout", "0.2"
        )
        self.assertEqual(code, 1)
        self.assertRegex(out, r"a\s+UNKNOWN")

    def test_one_fault_of_the_suite_does_not_stop_the_rest(self):
        code, out = self.run_plan(
            {"a": [("FINISHED", "PASSED")], "b": [("FINISHED", "PASSED")]},
            {"a": {"result": "PASSED"}, "b": {"result": "PASSED"}},
            refuses="a",
        )
        self.assertEqual(code, 1)
        self.assertIn("out of order", out)
        self.assertRegex(out, r"b\s+PASSED")

    def test_a_warning_where_none_is_expected_exits_1(self):
        code, out = self.run_plan({"a": [("FINISHED", "WARNING")]}, {"a": {"result": "PASSED"}})
        self.assertEqual(code, 1)
        self.assertIn("worse", out)

    def test_better_than_expected_is_told_and_exits_0(self):
        code, out = self.run_plan({"a": [("FINISHED", "PASSED")]}, {"a": {"result": "SKIPPED"}})
        self.assertEqual(code, 0)
        self.assertIn("better", out)

    def test_an_expected_module_that_the_plan_lacks_exits_1(self):
        code, out = self.run_plan({"a": [("FINISHED", "PASSED")]},
                                  {"a": {"result": "PASSED"}, "gone": {"result": "PASSED"}})
        self.assertEqual(code, 1)
        self.assertRegex(out, r"gone\s+not run")

    def test_only_the_named_modules_run(self):
        code, out = self.run_plan(
            {"a": [("FINISHED", "FAILED")], "b": [("FINISHED", "PASSED")]},
            {"a": {"result": "PASSED"}, "b": {"result": "PASSED"}},
            "--only", "b",
        )
        self.assertEqual(code, 0, out)

    def test_rotating_keys_stands_between_configured_and_start(self):
        mark = Path(self.enterContext(tempfile.TemporaryDirectory())) / "rotated"
        name = "oidcc-server-rotate-keys"
        code, out = self.run_plan(
            {name: [("CONFIGURED", None)]}, {name: {"result": "PASSED"}},
            "--rotate-keys", f"touch {mark}",
        )
        self.assertEqual(code, 0, out)
        self.assertTrue(mark.exists())
        self.assertIn("/api/runner/" + name, [path for path, _, _ in self.server.calls])


class ConfigurationTest(unittest.TestCase):
    def plans(self):
        return json.loads((run.HERE / "expected.json").read_text())

    def test_every_plan_can_be_filled_in(self):
        for name, plan in self.plans().items():
            config = run.fill((run.HERE / plan["config"]).read_text(), ENVIRONMENT)
            text = json.dumps(config)
            self.assertNotIn("${", text, name)
            self.assertEqual(
                config["server"]["discoveryUrl"],
                "https://provider.test:9443/.well-known/openid-configuration",
            )

    def test_a_value_is_filled_in_as_it_is(self):
        values = ENVIRONMENT | {"PASSWORD": 'a"b\\c$d'}
        config = run.fill('{"password": "${PASSWORD}"}', values)
        self.assertEqual(config, {"password": 'a"b\\c$d'})

    def test_a_missing_value_is_named(self):
        with self.assertRaisesRegex(run.SuiteError, "CLIENT_SECRET"):
            run.fill('{"a": "${CLIENT_SECRET}"}', {})

    def test_an_override_is_for_a_module_that_we_expect(self):
        for name, plan in self.plans().items():
            config = json.loads((run.HERE / plan["config"]).read_text())
            self.assertLessEqual(set(config.get("override", {})), set(plan["modules"]), name)

    def test_all_but_a_pass_has_a_reason(self):
        for plan in self.plans().values():
            for module, expected in plan["modules"].items():
                self.assertIn(expected["result"], run.RANKS[:4], module)
                if expected["result"] != "PASSED":
                    self.assertTrue(expected.get("reason"), module)

    def test_no_plan_is_misnamed(self):
        with self.assertRaises(SystemExit) as stopped, mock.patch("sys.stderr"):
            run.main(["no-such-plan"])
        self.assertEqual(stopped.exception.code, 2)


if __name__ == "__main__":
    unittest.main()
