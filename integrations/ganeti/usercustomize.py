"""Python runs this at its start if the folder is on PYTHONPATH.

It is not called sitecustomize, of which Debian has one of its own: a second
one would take its place.
"""

import kvm_hotplug_noded

kvm_hotplug_noded.watch()
