"""Makes Ganeti's node daemon hotplug by way of `kvm-hotplug rpc`.

usercustomize.py calls watch() when Python starts. Nothing happens until the
process imports the node daemon; then the procedures for hotplug are replaced.
Each request runs one process of its own: the daemon handles requests in forked
children (or threads), which could not share one, and a process that ends with
its request keeps nothing from one to the next.

Before a request is sent nothing was changed, and Ganeti's own code can do it:
so it does if kvm-hotplug is missing, does not answer or is of another schema.
Afterwards only an answer counts.
"""

import functools
import importlib.abc
import importlib.util
import json
import logging
import os
import selectors
import subprocess
import sys
import tempfile
import time

NODED = "ganeti.server.noded"
PROCEDURES = ("hotplug_supported", "hotplug_device", "resize_disk")

# The `schema` of the documents that are understood here.
SCHEMA = 1

# The first that is there is used; one in the environment before them.
PLACES = ("/usr/local/sbin/kvm-hotplug", "/usr/sbin/kvm-hotplug")
PLACE_VARIABLE = "KVM_HOTPLUG"

# Below Ganeti's configuration folder: while it exists, all is Ganeti's own.
OFF_FILE = "kvm-hotplug.off"

# The master waits 900 s (RPC_TMO_NORMAL): all of these together are less.
PROBE_SECONDS = 20
REQUEST_SECONDS = 600
# After SIGTERM a change is completed or undone, and answered.
GRACE_SECONDS = 60
KILLED_SECONDS = 10

MAX_BYTES = 16 * 1024 * 1024

# JSON-RPC's number for a method that does not exist.
NO_SUCH_METHOD = -32601


class Unusable(Exception):
    """Nothing was done: Ganeti's own code can do it. The text says why."""


class Failed(Exception):
    """The request failed. The text is for the master."""


class Said:
    """What a program said until it ended."""

    def __init__(self, status, out, err):
        self.status = status  # None: it did not end
        self.out = out
        self.err = err

    def document(self):
        """The JSON object on stdout, or None."""
        try:
            value = json.loads(self.out)
        except ValueError:
            return None
        return value if isinstance(value, dict) else None

    def __str__(self):
        if self.status is None:
            how = "it had to be stopped"
        elif self.status < 0:
            how = "it was killed by signal %d" % -self.status
        else:
            how = "it ended with status %d" % self.status
        text = (self.err.strip() or self.out.strip())[-200:]
        return "%s: %s" % (how, text) if text else how


def _listen(streams, buffers, seconds):
    """Reads until all streams end: False after the time or MAX_BYTES."""
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as ready:
        for stream, buffer in zip(streams, buffers):
            ready.register(stream, selectors.EVENT_READ, buffer)
        while ready.get_map():
            left = deadline - time.monotonic()
            if left <= 0 or sum(map(len, buffers)) > MAX_BYTES:
                return False
            for key, _ in ready.select(left):
                chunk = os.read(key.fd, 65536)
                key.data.extend(chunk)
                if not chunk:
                    ready.unregister(key.fileobj)
    return True


def _wait_for_killed(process):
    try:
        process.wait(KILLED_SECONDS)
    except subprocess.TimeoutExpired:
        pass  # the kernel keeps it: there is nothing more to do


def run(command, line="", seconds=REQUEST_SECONDS, grace=GRACE_SECONDS):
    """Runs a program with a line as its input.

    @raise OSError: if it cannot be started
    """
    with tempfile.TemporaryFile() as request:
        request.write(line.encode())
        request.seek(0)
        # A session of its own: a stop of the daemon's group is none of it.
        process = subprocess.Popen(
            command, stdin=request, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True)
    streams = (process.stdout, process.stderr)
    buffers = (bytearray(), bytearray())
    stops = [(seconds, process.terminate), (grace, process.kill)]
    try:
        stopped = False
        for wait, stop in stops:
            if _listen(streams, buffers, wait):
                break
            stop()
            stopped = True
        status = process.wait(KILLED_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        stopped = True
        # Not reaped, it would stay until the daemon starts another program.
        _wait_for_killed(process)
    finally:
        for stream in streams:
            stream.close()
    out, err = (buffer.decode("utf-8", "replace") for buffer in buffers)
    return Said(None if stopped else status, out, err)


def usable_binary():
    """The executable, which has answered with the schema known here.

    @raise Unusable: if there is none
    """
    given = os.environ.get(PLACE_VARIABLE)
    places = (given,) if given else PLACES
    binary = next((one for one in places if os.path.exists(one)), None)
    if binary is None:
        raise Unusable("there is no %s" % " or ".join(places))
    try:
        said = run([binary, "help", "--json"], seconds=PROBE_SECONDS, grace=5)
    except OSError as err:
        raise Unusable("%s cannot be started: %s" % (binary, err))
    document = said.document()
    if said.status != 0 or document is None:
        raise Unusable("%s does not work: %s" % (binary, said))
    if document.get("schema") != SCHEMA:
        raise Unusable("%s has schema %s, and %s is needed"
                       % (binary, document.get("schema"), SCHEMA))
    return binary


def request_line(procedure, params):
    """The request, without what is nobody's business."""
    instance, *others = params
    told = {key: value for key, value in instance.items()
            if not key.startswith("osparams")}
    request = {"jsonrpc": "2.0", "id": 1, "method": procedure,
               "params": [told] + others}
    # Ganeti wraps what is private: it becomes null, as in its own messages.
    return json.dumps(request, default=lambda private: None) + "\n"


def answer_of(said):
    """The document of an answer, with noded's own answer in `ganeti`.

    @raise Unusable: if the program does not know the procedure
    @raise Failed: if it is no answer
    """
    message = said.document() or {}
    error = message.get("error")
    if error is None:
        document = message.get("result")
    elif isinstance(error, dict):
        if error.get("code") == NO_SUCH_METHOD:
            raise Unusable("kvm-hotplug is too old for it")
        document = error.get("data")
    else:
        document = None
    if isinstance(document, dict) and document.get("schema") == SCHEMA:
        answer = document.get("ganeti")
        if isinstance(answer, list) and len(answer) == 2:
            return document
    raise Failed("kvm-hotplug gave no answer: %s" % said)


def _remarks(document):
    for key in ("settled", "warnings"):
        for remark in document.get(key) or ():
            yield "%s (%s)" % (remark.get("message"), remark.get("hint")) \
                if remark.get("hint") else str(remark.get("message"))


def ask(procedure, params, run_dir):
    """Has kvm-hotplug do it; what noded is to return.

    @raise Unusable: if nothing was done
    @raise Failed: if it failed
    """
    binary = usable_binary()
    name = params[0]["name"]
    what = " ".join([procedure] + [
        word for word in params[1:3] if isinstance(word, str)])
    command = [binary, "rpc", "--run-dir", run_dir]
    try:
        said = run(command, request_line(procedure, params))
    except OSError as err:
        raise Unusable("%s cannot be started: %s" % (binary, err))
    try:
        document = answer_of(said)
    except Failed as err:
        if procedure == "hotplug_supported":
            raise
        raise Failed("%s. The change may be half made: to put it in order,"
                     " run: kvm-hotplug repair %s" % (err, name))
    for remark in _remarks(document):
        logging.warning("kvm-hotplug: %s of %s: %s", what, name, remark)
    done, payload = document["ganeti"]
    if not done:
        raise Failed(str(payload))
    logging.info("kvm-hotplug: %s of %s: done", what, name)
    return payload


def _expect_on(conf_dir):
    off = os.path.join(conf_dir, OFF_FILE)
    if os.path.exists(off):
        raise Unusable("%s is there" % off)
    if not os.path.exists(__file__):
        raise Unusable("%s was removed" % __file__)


def _standing_in(procedure, theirs, fail):
    """What the node daemon calls in place of its own procedure."""
    @functools.wraps(theirs)
    def ours(params):
        # Imported when a request comes: the daemon has done it long ago.
        from ganeti import pathutils
        if params[0].get("hypervisor", "kvm") != "kvm":
            return theirs(params)
        try:
            _expect_on(pathutils.CONF_DIR)
            return ask(procedure, params, pathutils.RUN_DIR)
        except Unusable as err:
            logging.warning("kvm-hotplug: %s by Ganeti's own code: %s",
                            procedure, err)
        except Failed as err:
            logging.error("kvm-hotplug: %s failed: %s", procedure, err)
            raise fail(str(err)) from None
        return theirs(params)
    return ours


def patch(noded):
    """Replaces the procedures for hotplug that this Ganeti has."""
    handler = noded.NodeRequestHandler
    for procedure in PROCEDURES:
        name = "perspective_" + procedure
        theirs = vars(handler).get(name)
        if isinstance(theirs, staticmethod):
            ours = _standing_in(
                procedure, theirs.__func__, noded.backend.RPCFail)
            setattr(handler, name, staticmethod(ours))


def _leave_environment():
    """What the daemon starts is not to find this folder."""
    folders = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    own = os.path.dirname(os.path.abspath(__file__))
    others = [one for one in folders if os.path.abspath(one) != own]
    if others:
        os.environ["PYTHONPATH"] = os.pathsep.join(others)
    else:
        os.environ.pop("PYTHONPATH", None)


class Watcher(importlib.abc.MetaPathFinder):
    """Finds the node daemon as Python does, and patches it once loaded."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname != NODED:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec
        theirs = spec.loader.exec_module

        def exec_module(module):
            theirs(module)
            try:
                _leave_environment()
                patch(module)
            except Exception as err:  # the daemon must start all the same
                print("kvm-hotplug: cannot stand in for the node daemon's"
                      " own code: %r" % err, file=sys.stderr)

        spec.loader.exec_module = exec_module
        return spec


def watch():
    """Waits for the node daemon to be imported."""
    sys.meta_path.insert(0, Watcher())
