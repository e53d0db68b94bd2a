#!/usr/bin/env python3
"""Runs OpenID certification plans on a running conformance suite and compares the results
with those we expect.

Exit codes: 0 when every module ended as expected (or better), 1 when one failed, did not end,
or ended worse than expected, 2 on a usage error.
"""

import argparse
import json
import os
import shlex
import ssl
import string
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENDED = ("FINISHED", "INTERRUPTED")
# From good to bad. Certification takes all but the last two.
RANKS = ("PASSED", "REVIEW", "SKIPPED", "WARNING", "UNKNOWN", "FAILED")
# What a plan's configuration may hold in `${...}`, read from the environment.
PLACEHOLDERS = ("ISSUER", "PASSWORD", "CLIENT_SECRET", "CLIENT2_SECRET", "CLIENT_POST_SECRET")


class SuiteError(Exception):
    """The suite did not do what was asked."""


class Suite:
    """A running conformance suite, by its REST API."""

    def __init__(self, base, token=None, context=None):
        self.base = base.rstrip("/")
        self.token = token
        self.context = context

    def _call(self, method, path, query=None, body=None):
        url = self.base + path
        if query:
            url += "?" + urllib.parse.urlencode(query)
        request = urllib.request.Request(url, method=method)
        request.add_header("Accept", "application/json")
        if self.token:
            request.add_header("Authorization", "Bearer " + self.token)
        if method == "POST":
            request.add_header("Content-Type", "application/json")
            request.data = b"" if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(request, timeout=60, context=self.context) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            told = error.read(500).decode(errors="replace")
            raise SuiteError(f"{method} {path}: {error.code} {told}") from error
        except (urllib.error.URLError, OSError, ValueError) as error:
            raise SuiteError(f"{method} {path}: {error}") from error

    def create_plan(self, name, variant, config):
        query = {"planName": name}
        if variant:
            query["variant"] = json.dumps(variant)
        return self._call("POST", "/api/plan", query, config)

    def create_module(self, plan, module):
        query = {"plan": plan, "test": module["testModule"]}
        if module.get("variant"):
            query["variant"] = json.dumps(module["variant"])
        return self._call("POST", "/api/runner", query)["id"]

    def start(self, module_id):
        self._call("POST", "/api/runner/" + module_id)

    def info(self, module_id):
        return self._call("GET", "/api/info/" + module_id)

    def log(self, module_id):
        return self._call("GET", "/api/log/" + module_id)


def fill(text, values):
    """The configuration with its placeholders filled in; a missing value is an error."""
    return fill_in(json.loads(text), values)


def fill_in(part, values):
    if isinstance(part, dict):
        return {name: fill_in(value, values) for name, value in part.items()}
    if isinstance(part, list):
        return [fill_in(value, values) for value in part]
    if isinstance(part, str):
        try:
            return string.Template(part).substitute(values)
        except KeyError as missing:
            raise SuiteError(f"the environment lacks {missing.args[0]}") from missing
    return part


def run_module(suite, plan, module, options):
    """Runs one module to its end; returns its id and its result."""
    module_id = suite.create_module(plan, module)
    deadline = options.clock() + options.timeout
    started = False
    while options.clock() < deadline:
        info = suite.info(module_id)
        if info.get("status") in ENDED:
            if info["status"] == "INTERRUPTED":
                return module_id, "FAILED"
            # The result may lag behind the status for a moment.
            if info.get("result") in RANKS and info["result"] != "UNKNOWN":
                return module_id, info["result"]
        if info.get("status") == "CONFIGURED" and not started and needs_a_start(module):
            if options.rotate_keys:
                subprocess.run(options.rotate_keys, check=True, stdout=subprocess.DEVNULL)
            suite.start(module_id)
            started = True
        options.sleep(options.interval)
    return module_id, "UNKNOWN"


def needs_a_start(module):
    """Whether the suite waits for our keys to be rotated before it begins."""
    return module["testModule"] == "oidcc-server-rotate-keys"


def verdict(expected, result):
    """What to say of `result`: `ok`, `better`, `worse` or `new`; and whether that is a failure."""
    if result in ("FAILED", "UNKNOWN"):
        return "worse", True
    if expected is None:
        return "new", result == "WARNING"
    if result == expected:
        return "ok", False
    if RANKS.index(result) < RANKS.index(expected):
        return "better", False
    return "worse", True


def complaints(entries):
    """The lines of a module's log that say what is wrong."""
    return [
        f"{entry['result']}: {entry.get('src', '?')}: {entry.get('msg', '')}"
        for entry in entries
        if entry.get("result") in ("FAILURE", "WARNING")
    ]


def run_plan(suite, name, expected, options, out):
    """Runs one plan; returns whether all its modules ended as expected."""
    plan = expected[name]
    config = fill((HERE / plan["config"]).read_text(), options.values)
    created = suite.create_plan(plan["plan"], plan.get("variant"), config)
    modules = created["modules"]
    print(f"{plan['plan']}: {len(modules)} modules", file=out)
    print(f"{suite.base}/plan-detail.html?plan={created['id']}\n", file=out)
    width = max([len(module["testModule"]) for module in modules] + [6])
    print(f"{'module':<{width}}  {'result':<8} {'expected':<8}", file=out)
    good, seen = True, set()
    for module in modules:
        test = module["testModule"]
        if options.only and test not in options.only:
            continue
        seen.add(test)
        want = plan["modules"].get(test, {}).get("result")
        try:
            module_id, result = run_module(suite, created["id"], module, options)
        except (SuiteError, subprocess.CalledProcessError) as error:
            module_id, result = None, "UNKNOWN"
            print(f"  {error}", file=out)
        word, bad = verdict(want, result)
        good = good and not bad
        note = "" if word == "ok" else "  <- " + word
        print(f"{test:<{width}}  {result:<8} {want or '-':<8}{note}", file=out, flush=True)
        if (bad or result == "WARNING") and module_id:
            for line in read_complaints(suite, module_id):
                print(f"  {line}", file=out)
            print(f"  {suite.base}/log-detail.html?log={module_id}", file=out)
    for test in sorted(set(plan["modules"]) - seen):
        if not options.only:
            print(f"{test:<{width}}  not run  <- the suite's plan does not hold it", file=out)
            good = False
    print(file=out)
    return good


def read_complaints(suite, module_id):
    try:
        return complaints(suite.log(module_id))
    except SuiteError as error:
        return [f"the log could not be read: {error}"]


def arguments(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("plans", nargs="*", metavar="PLAN", help="basic, config, form-post; all")
    parser.add_argument("--suite", default="https://localhost.emobix.co.uk:8443")
    parser.add_argument("--ca", metavar="FILE", help="the certificate the suite is served with")
    parser.add_argument("--insecure", action="store_true", help="believe any certificate")
    parser.add_argument("--only", action="append", metavar="MODULE", help="may be repeated")
    parser.add_argument("--timeout", type=float, default=240, help="seconds a module may take")
    parser.add_argument("--interval", type=float, default=1, help="seconds between two looks")
    parser.add_argument("--rotate-keys", type=shlex.split, metavar="COMMAND")
    parser.add_argument(
        "--print-config", action="store_true", help="print the filled-in configuration and stop"
    )
    options = parser.parse_args(argv)
    options.clock, options.sleep = time.monotonic, time.sleep
    options.values = {name: os.environ[name] for name in PLACEHOLDERS if name in os.environ}
    return parser, options


def main(argv=None, out=sys.stdout):
    parser, options = arguments(argv)
    expected = json.loads((HERE / "expected.json").read_text())
    names = options.plans or list(expected)
    for name in names:
        if name not in expected:
            parser.error(f"no plan {name!r}: there are {', '.join(expected)}")
    try:
        if options.print_config:
            for name in names:
                config = fill((HERE / expected[name]["config"]).read_text(), options.values)
                print(json.dumps(config, indent=2), file=out)
            return 0
        context = ssl.create_default_context(cafile=options.ca)
        if options.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        suite = Suite(options.suite, os.environ.get("CONFORMANCE_TOKEN"), context)
        results = [run_plan(suite, name, expected, options, out) for name in names]
    except (SuiteError, OSError) as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 1
    print("All as expected." if all(results) else "Not as expected.", file=out)
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
