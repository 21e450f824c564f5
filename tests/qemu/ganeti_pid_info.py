"""What Ganeti's own code reads of the command line of a running process.

Argument: its pid. The answer is JSON: the name, the memory and the processors,
or the name of the error.
"""

import json
import sys

from ganeti.hypervisor import hv_kvm


def main():
  try:
    info = hv_kvm.KVMHypervisor._InstancePidInfo(int(sys.argv[1]))
    print(json.dumps(info))
  except ValueError as err:
    print(json.dumps(type(err).__name__))


main()
