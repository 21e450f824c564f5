"""The command line by which Ganeti's own code starts a migration's target.

Arguments: the runtime file, and the Instance as a master sends it, as JSON.
The answer is a JSON list. Nothing is started.
"""

import json
import sys

from ganeti import objects
from ganeti.hypervisor import hv_kvm
from ganeti.hypervisor.hv_kvm import kvm_runtime


class Hypervisor(hv_kvm.KVMHypervisor):
  command = None

  # Of an unpacked QEMU it lists nothing: its parts are elsewhere.
  _DEVICE_DRIVER_SUPPORTED = staticmethod(lambda driver, listed: True)

  def _CheckDown(self, name):
    pass

  def _RunKVMCmd(self, name, kvm_cmd, tap_fds=None):
    self.command = [str(word) for word in kvm_cmd]


def main():
  with open(sys.argv[1]) as stream:
    runtime = kvm_runtime.KVMRuntime.from_serialized(stream.read())
  instance = objects.Instance.FromDict(json.loads(sys.argv[2]))
  hypervisor = Hypervisor()
  helptext = hypervisor._GetKVMOutput(
    runtime.kvm_cmd[0], hypervisor._KVMOPT_HELP)
  hypervisor._ExecuteKVMRuntime(
    instance, runtime, helptext, incoming=("127.0.0.1", 1))
  print(json.dumps(hypervisor.command))


main()
