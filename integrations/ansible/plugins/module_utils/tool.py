# Copyright: (c) kvm-hotplug contributors
# MIT License (see LICENSE of kvm-hotplug)
"""Runs kvm-hotplug for the modules of this collection.

A module chooses commands; what they did is read from their documents and exit
statuses, never from their text.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import json

from ansible_collections.kvm_hotplug.node.plugins.module_utils.arguments import OPTIONS, RENAMED, SCHEMA

# Where the executable may be, besides PATH.
FOLDERS = ["/usr/local/sbin", "/usr/sbin"]


class Tool(object):
    """The executable on this node, and all that this task did with it.

    @param commands: the long options of each command, by its words
    """

    def __init__(self, module, commands):
        self.module = module
        self.commands = commands
        self.changed = False
        self.calls = []
        self.steps = []
        self.warnings = []
        self.path = self._find()
        self._check_schema()

    def _find(self):
        given = self.module.params["executable"]
        path = given or self.module.get_bin_path("kvm-hotplug", False, FOLDERS)
        if path is None:
            self.module.fail_json(
                msg="There is no kvm-hotplug on this node: the role"
                    " kvm_hotplug.node.install installs it")
        return path

    def _check_schema(self):
        """Before anything is changed: later it would be too late."""
        status, document, dummy = self._run([self.path, "--version", "--json"])
        found = document.get("schema")
        if status == 0 and found == SCHEMA:
            return
        version = document.get("version", "of an unknown version")
        self.module.fail_json(
            msg="%s (kvm-hotplug %s) writes documents of schema %s, and this"
                " collection reads schema %s: install the kvm-hotplug that"
                " belongs to it" % (self.path, version, found, SCHEMA),
            status=status, document=document)

    def _run(self, words):
        """The exit status, the document ({} if there is none), and stderr."""
        try:
            status, out, err = self.module.run_command(words)
        except (OSError, IOError) as error:
            return 127, {}, str(error)
        try:
            document = json.loads(out)
        except ValueError:
            document = None
        return status, document if isinstance(document, dict) else {}, err

    def given(self, command):
        """The options of a command that the task gives, by long names."""
        return self._given(self.commands[command])

    def _given(self, names):
        options = {}
        for name in names:
            key = RENAMED.get(name, name.replace("-", "_"))
            value = self.module.params.get(key)
            # A negated form has no parameter of its own.
            if value is None:
                continue
            if value is False:
                # Without a negated form, an absent flag is what off means.
                name, value = "no-" + name, "no-" + name in names
            if value is not False:
                options[name] = value
        return options

    def call(self, command, operands, options, dry_run=None, allow=()):
        """Runs a command and returns its document.

        Failures end the module, but those whose code is in `allow`; the code
        is "remaining" if a repair leaves something.

        @param options: values by long names; see given()
        @param dry_run: None: as the task says
        """
        dry_run = self.module.check_mode if dry_run is None else dry_run
        words = [self.path] + command.split(" ") + list(operands)
        words += _words(dict(self._given(OPTIONS), **options))
        words += ["--dry-run"] if dry_run else []
        status, document, err = self._run(words + ["--json"])
        self.calls.append(words)
        self._note(document)
        left = "remaining" if document.get("remaining") else None
        code = (document.get("error") or {}).get("code", left)
        if status != 0 and code not in allow:
            self.fail(status, document, err)
        return document

    def _note(self, document):
        self.warnings += document.get("warnings") or []
        # A set is a row of operations, each with a plan of its own.
        plans = [document] + (document.get("operations") or [])
        steps = sum((one.get("plan") or [] for one in plans), [])
        self.steps += steps
        # An earlier request that is finished now changes the node, too.
        settled = document.get("settled")
        if document.get("changed") or settled or steps:
            self.changed = True

    def plan(self, step):
        """Adds a step of what a check would do."""
        self.steps.append(step)
        self.changed = True

    def fail(self, status, document, err):
        """Ends the module by a failure of the command that was run last."""
        error = document.get("error")
        if error is not None:
            text = error["message"]
            if error.get("hint"):
                text += "; " + error["hint"]
        elif document.get("remaining"):
            left = [one["what"] for one in document["remaining"]]
            text = "Not everything could be repaired: " + "; ".join(left)
        elif status < 0:
            text = ("kvm-hotplug was killed by signal %d: run this task again,"
                    " or the module repair" % -status)
        else:
            text = "kvm-hotplug ended with status %d and no document: %s" % (
                status, err.strip()[-300:])
        self.module.fail_json(msg=text, **self.result(status, document))

    def finish(self, document, **more):
        """Ends the module by success."""
        more.update(self.result(0, document))
        self.module.exit_json(**more)

    def result(self, status, document):
        """The result of the task."""
        for one in self.warnings:
            hint = "; " + one["hint"] if one.get("hint") else ""
            self.module.warn(one["message"] + hint)
        result = {
            "changed": self.changed,
            "commands": self.calls,
            "device": document.get("device"),
            "document": document,
            "status": status,
        }
        if self.steps:
            result["diff"] = {"prepared": _text(self.steps)}
        return result

    def refuse(self, text):
        """Ends the module: nothing was done."""
        self.module.fail_json(msg=text)


def _words(options):
    """Words of a command line, in an order that is always the same."""
    words = []
    for name, value in sorted(options.items()):
        words.append("--" + name)
        if isinstance(value, (dict, list)):
            words.append(json.dumps(value))
        elif value is not True:
            words.append(str(value))
    return words


def _text(steps):
    """A plan for a person: the steps, and what takes each back."""
    lines = []
    for one in steps:
        lines.append("+ " + one["step"])
        if one.get("host"):
            lines.append("    on the node: " + one["host"])
        if one.get("undo"):
            lines.append("    undo: " + one["undo"])
    return "\n".join(lines) + "\n"
