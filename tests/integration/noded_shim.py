"""Tests of integrations/ganeti with programs that are not kvm-hotplug."""

import json
import os
import stat
import sys
import tempfile
import unittest

FOLDER = os.path.join(
    os.path.dirname(__file__), "..", "..", "integrations", "ganeti")
sys.path.insert(0, FOLDER)

import kvm_hotplug_noded as shim  # noqa: E402

HELP = '[ "$1" = help ] && echo \'{"schema":1}\' && exit\n'
INSTANCE = {"name": "vm1", "hvparams": {}, "osparams_private": object()}
PARAMS = [INSTANCE, "hotadd", "disk", {"uuid": "d"}, ["/link", None], 0]


def response(**document):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": document})


class Programs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.addCleanup(os.environ.pop, shim.PLACE_VARIABLE, None)

    def program(self, script, mode=0o755):
        path = os.path.join(self.folder, "program")
        with open(path, "w") as stream:
            stream.write("#!/bin/sh\n" + script)
        os.chmod(path, mode)
        os.environ[shim.PLACE_VARIABLE] = path
        return path

    def ask(self, script, procedure="hotplug_device", params=PARAMS):
        self.program(HELP + script)
        with self.assertLogs(level="INFO") as logs:
            shim.logging.info("begin")
            try:
                return shim.ask(procedure, params, "/run/dir")
            finally:
                self.logs = logs.output[1:]

    def test_binary_is_unusable(self):
        cases = [
            ("exit 0", "does not work: it ended with status 0"),
            ("echo garbage", "status 0: garbage"),
            ("echo no libc >&2; exit 127", "status 127: no libc"),
            ("kill -9 $$", "killed by signal 9"),
            ("echo '[1]'", "does not work"),
            ("echo '{\"schema\":2}'", "has schema 2, and 1 is needed"),
            ("echo '{\"ok\":true}'", "has schema None"),
        ]
        for script, text in cases:
            self.program(script)
            with self.assertRaisesRegex(shim.Unusable, text):
                shim.usable_binary()
        self.program("", mode=stat.S_IRUSR)
        with self.assertRaisesRegex(shim.Unusable, "cannot be started"):
            shim.usable_binary()
        os.environ[shim.PLACE_VARIABLE] = self.folder + "/none"
        with self.assertRaisesRegex(shim.Unusable, "there is no .*/none"):
            shim.usable_binary()

    def test_request_is_passed_without_secrets(self):
        answer = response(schema=1, ganeti=[True, None])
        seen = os.path.join(self.folder, "seen")
        self.ask("echo \"$@\" >%s; cat >>%s; echo '%s'" % (seen, seen, answer))
        with open(seen) as stream:
            words, line = stream.read().splitlines()
        self.assertEqual(words, "rpc --run-dir /run/dir")
        request = json.loads(line)
        self.assertEqual(request["method"], "hotplug_device")
        told = {"name": "vm1", "hvparams": {}}
        self.assertEqual(request["params"], [told] + PARAMS[1:])
        wrapped = [{"name": "vm1", "hvparams": {"secret": object()}}]
        line = shim.request_line("hotplug_supported", wrapped)
        self.assertIn('"hvparams": {"secret": null}', line)

    def test_payload_and_remarks(self):
        remark = {"message": "it is slow", "hint": None}
        answer = response(
            schema=1, ganeti=[True, {"id": "x"}], warnings=[remark])
        self.assertEqual(self.ask("echo '%s'" % answer), {"id": "x"})
        what = "kvm-hotplug: hotplug_device hotadd disk of vm1: "
        self.assertEqual(self.logs, [
            "WARNING:root:" + what + "it is slow",
            "INFO:root:" + what + "done"])

    def test_failure_has_the_text_of_ganeti_s_answer(self):
        data = {"schema": 1, "ganeti": [False, "no free slot"]}
        answer = {"error": {"code": -32003, "message": "x", "data": data}}
        with self.assertRaisesRegex(shim.Failed, "^no free slot$"):
            self.ask("echo '%s'; exit 3" % json.dumps(answer))

    def test_unknown_method_changed_nothing(self):
        answer = {"error": {"code": shim.NO_SUCH_METHOD, "message": "x"}}
        with self.assertRaisesRegex(shim.Unusable, "too old"):
            self.ask("echo '%s'" % json.dumps(answer))

    def test_no_answer_is_a_failure(self):
        other = response(schema=2, ganeti=[True, None])
        repair = "run: kvm-hotplug repair vm1$"
        for script in ("exit 1", "kill -9 $$", "echo '{}'", "echo 'x'",
                       "echo '%s'" % other, "echo '{\"error\": 1}'",
                       "echo '%s'" % response(schema=1)):
            with self.assertRaisesRegex(shim.Failed, repair):
                self.ask(script)
        with self.assertRaisesRegex(shim.Failed, "no answer.*status 1$"):
            self.ask("exit 1", "hotplug_supported", [INSTANCE])

    def test_what_hangs_is_told_to_end_and_may_answer(self):
        path = self.program(
            "trap 'echo undone; exit 5' TERM\necho begun >&2\n"
            "while :; do read -r _ </dev/null; done")
        said = shim.run([path], seconds=0.5, grace=30)
        self.assertEqual((said.status, said.out), (None, "undone\n"))
        self.assertRegex(str(said), "it had to be stopped: begun")

    def test_what_does_not_end_is_killed(self):
        path = self.program("trap '' TERM\nexec sleep 600")
        said = shim.run([path], seconds=0.2, grace=0.2)
        self.assertIsNone(said.status)

    def test_what_only_closes_its_output_is_reaped(self):
        self.addCleanup(setattr, shim, "KILLED_SECONDS", shim.KILLED_SECONDS)
        shim.KILLED_SECONDS = 0.2
        path = self.program("exec >&- 2>&-\nexec sleep 600")
        said = shim.run([path])
        self.assertIsNone(said.status)
        # No child is left, not even a dead one.
        with self.assertRaises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)

    def test_garbage_without_end_is_not_kept(self):
        path = self.program("exec yes")
        said = shim.run([path], seconds=30, grace=30)
        self.assertLess(len(said.out), shim.MAX_BYTES + 10 * 65536)

    def test_long_request_is_not_waited_for(self):
        path = self.program("exit 4")
        said = shim.run([path], "x" * 1000000)
        self.assertEqual(said.status, 4)


if __name__ == "__main__":
    unittest.main()
