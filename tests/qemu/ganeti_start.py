"""The command line by which Ganeti's own code starts an instance.

Arguments: the runtime file, the Instance as a master sends it, as JSON, and how
it is started: "incoming" (the target of a migration), "reboot" (from the
runtime file), "start" (after a stop, from the Instance, its disks and NICs).
The answer is a JSON list. Nothing is started.
"""

import json
import sys

from ganeti import objects
from ganeti.hypervisor import hv_kvm
from ganeti.hypervisor.hv_kvm import kvm_runtime


class Done(Exception):
  pass


class Hypervisor(hv_kvm.KVMHypervisor):
  command = None

  # Of an unpacked QEMU it lists nothing: its parts are elsewhere.
  _DEVICE_DRIVER_SUPPORTED = staticmethod(lambda driver, listed: True)

  def _CheckDown(self, name):
    pass

  def _RunKVMCmd(self, name, kvm_cmd, tap_fds=None):
    self.command = [str(word) for word in kvm_cmd]
    raise Done()

  @staticmethod
  def _ConfigureNIC(instance, seq, nic, tap):
    pass


def as_sent(device):
  """The object as the master sends it: without what a node has recorded."""
  return type(device).FromDict(
    {k: v for k, v in device.ToDict().items() if k != "hvinfo"})


def main():
  # No tap is made.
  hv_kvm.OpenTap = lambda features=None, name="": ("tap0", [3], [])
  with open(sys.argv[1]) as stream:
    runtime = kvm_runtime.KVMRuntime.from_serialized(stream.read())
  instance = objects.Instance.FromDict(json.loads(sys.argv[2]))
  hypervisor = Hypervisor()
  helptext = hypervisor._GetKVMOutput(
    runtime.kvm_cmd[0], hypervisor._KVMOPT_HELP)
  how = sys.argv[3]
  incoming = ("127.0.0.1", 1) if how == "incoming" else None
  if how == "start":
    disks = [(as_sent(disk), *rest) for disk, *rest in runtime.kvm_disks]
    instance.nics = [as_sent(nic) for nic in runtime.kvm_nics]
    runtime = hypervisor._GenerateKVMRuntime(instance, disks, False, helptext)
  try:
    hypervisor._ExecuteKVMRuntime(instance, runtime, helptext,
                                  incoming=incoming)
  except Done:
    pass
  print(json.dumps(hypervisor.command))


main()
