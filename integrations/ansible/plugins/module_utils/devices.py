# Copyright: (c) kvm-hotplug contributors
# MIT License (see LICENSE of kvm-hotplug)
"""Which commands bring a device to the state that a task names."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import re


def _without(options, *names):
    return dict((name, one) for name, one in options.items()
                if name not in names)


def _is_index(word):
    return re.match("-?[0-9]{1,7}$", word) is not None


class Kind(object):
    """The commands of one kind of device for a task."""

    def __init__(self, tool, word):
        self.tool = tool
        self.word = word
        self.instance = tool.module.params["instance"]

    def call(self, verb, operands, options, **how):
        """Runs a command of this kind."""
        command = "%s %s" % (self.word, verb)
        return self.tool.call(
            command, [self.instance] + operands, options, **how)

    def given(self, verb):
        """The options of a command that the task gives."""
        return self.tool.given("%s %s" % (self.word, verb))

    def names(self, verb):
        """The long names of the options of a command."""
        return self.tool.commands["%s %s" % (self.word, verb)]

    def ensure(self, operands, verb):
        """Adds a device; if it exists and differs, changes it by a command.

        What that command cannot change must be as it is asked for: this is
        found out before anything is changed.

        @param operands: of `add`, besides the instance
        """
        options = self.given("add")
        document = self.call("add", operands, options, allow=["duplicate"])
        twin = (document.get("error") or {}).get("device")
        if document["ok"]:
            return document
        if twin is None:
            self.tool.fail(3, document, "")
        self.compare(operands, twin["uuid"], verb)
        return self.call(verb, [twin["id"]], self.given(verb))

    def compare(self, operands, uuid, verb):
        """Fails if a device differs in what a command cannot change."""
        changed = set(self.names(verb)) - set(["not-migratable"])
        fixed = _without(self.given("add"), *changed)
        if uuid is not None:
            fixed["uuid"] = uuid
        document = self.call("add", operands, fixed, dry_run=True)
        if document["plan"]:
            self.tool.refuse("The device went away meanwhile: run it again")

    def refuse_others(self, verbs):
        """Refuses options of `add` that none of these commands has."""
        known = sum((self.names(verb) for verb in verbs), [])
        others = _without(self.given("add"), *known)
        if others:
            self.tool.refuse("%s: only for a device that is added" %
                             ", ".join(sorted(others)))

    def remove(self, selector):
        """Removes a device; one that is not there is absent already."""
        if _is_index(selector):
            self.tool.refuse(
                "%s: an index is another device once this one is gone; name,"
                " uuid and device id are not" % selector)
        document = self.call("remove", [selector], self.given("remove"),
                             allow=["no-such-device"])
        self.tool.finish(document)


def disk(tool):
    """The module disk."""
    kind = Kind(tool, "disk")
    params = tool.module.params
    source, chosen = params["source"], params["disk"]
    if params["state"] == "absent":
        kind.remove(chosen or source)
    changes = kind.given("set")
    document = None
    if source is None:
        kind.refuse_others(["set", "resize"])
    else:
        document = kind.ensure([source], "set")
        if tool.module.check_mode and document["action"] == "add":
            # A disk that is not there cannot be asked for more.
            if document["plan"]:
                tool.finish(document)
        chosen = document["device"]["id"]
        # What `add` cannot do.
        if not _without(changes, "force", *kind.names("add")):
            changes = {}
    if changes:
        document = kind.call("set", [chosen], changes)
    if params["size"] is not None or params["resize"]:
        size = [] if params["size"] is None else [str(params["size"])]
        options = kind.given("resize")
        document = kind.call("resize", [chosen] + size, options)
    if document is None:
        tool.refuse("There is nothing to change: give a limit, a medium, size"
                    " or resize")
    tool.finish(document)


def nic(tool):
    """The module nic."""
    kind = Kind(tool, "nic")
    params = tool.module.params
    selector, name = params["nic"], params["name"]
    if params["state"] == "absent":
        kind.remove(selector or params["uuid"] or params["mac"] or name)
    changes = kind.given("modify")
    if selector is not None:
        kind.refuse_others(["modify"])
        document = kind.call("modify", [selector], changes)
    elif params["uuid"] is not None or params["mac"] is not None:
        document = kind.ensure([], "modify")
    else:
        document = kind.call("modify", [name], changes,
                             allow=["no-such-device"])
        if not document["ok"]:
            document = kind.call("add", [], kind.given("add"))
        elif _without(kind.given("add"), *kind.names("modify")):
            kind.compare([], document["device"]["uuid"], "modify")
    tool.finish(document)


def vcpu(tool):
    """The module vcpu."""
    kind = Kind(tool, "vcpu")
    params = tool.module.params
    if params["state"] == "absent":
        kind.remove(params["vcpu"])
    tool.finish(kind.call("set", [str(params["count"])], kind.given("set")))


def memory(tool):
    """The module memory."""
    kind = Kind(tool, "memory")
    params = tool.module.params
    if params["state"] == "absent":
        kind.remove(params["memory"])
    size = params["size"]
    if params["kind"] is not None or params["max"] is not None:
        listed = tool.call("list", [kind.instance], {}, dry_run=False)
        missing = size - (listed["memory_bytes"] or size)
        if missing > 0:
            tool.finish(kind.call("add", [str(missing)], kind.given("add")))
    tool.finish(kind.call("set", [str(size)], kind.given("set")))


def info(tool):
    """The module info."""
    instance = tool.module.params["instance"]
    operands = [] if instance is None else [instance]
    document = tool.call("list", operands, tool.given("list"), dry_run=False)
    instances = document.get("instances", [document])
    tool.finish(document, instances=instances)


def repair(tool):
    """The module repair."""
    # A dry run ends with 7 if there is something to repair.
    document = tool.call("repair", [tool.module.params["instance"]],
                         tool.given("repair"), allow=["remaining"])
    if document["remaining"] and not tool.module.check_mode:
        tool.fail(7, document, "")
    for one in document["remaining"]:
        tool.plan({"step": "repair: " + one["what"]})
    tool.finish(document)
