"""The command lines by which Ganeti's own code starts instances.

Standard input has a JSON list of Instances as a master sends them. Each line
of the answer is a JSON object: the text of the runtime file and the words of
the command line, or the error. Nothing is started; taps are numbers.
"""

import functools
import json
import sys

from ganeti import objects
from ganeti.hypervisor import hv_kvm


def open_tap(features, name=""):
  count = features["mq"][1]
  vhost = list(range(200, 200 + count)) if features["vhost"] else []
  return (name or "tap0", list(range(100, 100 + count)), vhost)


hv_kvm.OpenTap = open_tap


class Hypervisor(hv_kvm.KVMHypervisor):
  command = None

  # Of an unpacked QEMU it lists nothing: its parts are elsewhere.
  _DEVICE_DRIVER_SUPPORTED = staticmethod(lambda driver, listed: True)

  @classmethod
  def ValidateParameters(cls, hvparams):
    """Would look for the kernel and images on this node."""

  @classmethod
  @functools.lru_cache(maxsize=None)
  def _GetKVMOutput(cls, path, option):
    """The same for all rows."""
    return super()._GetKVMOutput(path, option)

  def _CheckDown(self, name):
    pass

  def _StartKvmd(self, hvparams):
    pass

  def _ConfigureNIC(self, instance, seq, nic, tap):
    pass

  def _GetDefaultMachineVersion(self, path):
    return "pc"

  def _RunKVMCmd(self, name, kvm_cmd, tap_fds=None):
    self.command = [str(word) for word in kvm_cmd]


def start(hypervisor, helptext, data):
  instance = objects.Instance.FromDict(data)
  disks = [(disk, "/links/%d" % seq, None)
           for seq, disk in enumerate(instance.disks_info)]
  runtime = hypervisor._GenerateKVMRuntime(instance, disks, False, helptext)
  text = runtime.serialize()
  text = text.decode() if isinstance(text, bytes) else text
  hypervisor._ExecuteKVMRuntime(
    instance, runtime, helptext, incoming=("127.0.0.1", 1))
  return {"runtime": text, "argv": hypervisor.command}


def main():
  hypervisor = Hypervisor()
  rows = json.load(sys.stdin)
  path = rows[0]["hvparams"]["kvm_path"]
  helptext = hypervisor._GetKVMOutput(path, hypervisor._KVMOPT_HELP)
  for data in rows:
    try:
      answer = start(hypervisor, helptext, data)
    except Exception as error: # pylint: disable=W0703
      answer = {"error": "%s: %s" % (type(error).__name__, error)}
    print(json.dumps(answer), flush=True)


main()
